import Foundation
import Logging
import Tidemark

/// The fixtures with a store of ``FixtureTables``.
enum StoreFixture: String, CaseIterable {
  case changelogClosed = "changelog-closed"
  case changelogKilled = "changelog-killed"
  case localClosed = "local-closed"
  case localKilled = "local-killed"
  case localKilledUnflushed = "local-killed-unflushed"
  case changelogDeleted = "changelog-deleted"

  private var path: String { Fixture.root + "/" + rawValue }
  private var store: String { path + "/store" }

  func make() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var workload = Workload()
    switch self {
    case .changelogClosed:
      let store = try open(log())
      for part in 0..<4 {
        try workload.commit(10, to: store)
        try store.flush()
        if part == 1 { _ = try store.checkpoint(to: path + "/checkpoint") }
      }
      try workload.commit(5, to: store)
      try finish(store, workload)
    case .changelogKilled:
      var store = try open(log())
      try workload.commit(15, to: store)
      try store.close()
      store = try open(log())
      try workload.commit(10, to: store)
      try store.flush()
      try workload.commit(12, to: store)
      try kill(store, workload)
    case .localClosed:
      let store = try open(nil)
      for _ in 0..<3 {
        try workload.commit(10, to: store)
        try store.flush()
      }
      try workload.commit(5, to: store)
      try finish(store, workload)
    case .localKilled:
      var store = try open(nil)
      try workload.commit(15, to: store)
      try store.close()
      store = try open(nil)
      try workload.commit(10, to: store)
      try store.flush()
      try workload.commit(12, to: store)
      try kill(store, workload)
    case .localKilledUnflushed:
      let store = try open(nil)
      try workload.commit(12, to: store)
      try kill(store, workload)
    case .changelogDeleted:
      for _ in 0..<3 {
        let store = try open(log())
        try workload.commit(8, to: store)
        try store.close()
      }
      let store = try open(log())
      try workload.commit(8, to: store)
      let checkpoint = try store.checkpoint(to: path + "/checkpoint")
      try workload.commit(8, to: store)
      try store.flush()
      let start = try store.deleteChangelog(coveredBy: checkpoint.directory)
      guard start > .zero else { throw CocoaError(.fileWriteUnknown) }
      try workload.commit(3, to: store)
      try finish(store, workload)
    }
  }

  /// Small, so that there are several segments and index entries.
  private func log() throws -> FileLog {
    try FileLog.open(
      path + "/changelog", FixtureTables.changelog, options: FileLogOptions(segmentBytes: 3000, indexIntervalBytes: 500)
    )
  }

  private func open(_ log: FileLog?) throws -> StateStore {
    var options = StoreOptions()
    options.logger = Logger(label: "fixtures") { _ in SwiftLogNoOpLogHandler() }
    options.storedLagTime = .seconds(3600)
    return try StateStore.open(store, tables: FixtureTables.all, changelog: log, options: options)
  }

  /// Closes the store; its manifest must agree with the workload.
  private func finish(_ store: StateStore, _ workload: Workload) throws {
    var manifest = try manifest(store, workload)
    try store.close()
    manifest.storedOffset = try Manifest.storedOffset(self.store)
    try manifest.write(to: path + "/manifest.json")
  }

  private func kill(_ store: StateStore, _ workload: Workload) throws {
    try manifest(store, workload).write(to: path + "/manifest.json")
    Foundation.kill(getpid(), SIGKILL)
  }

  private func manifest(_ store: StateStore, _ workload: Workload) throws -> Manifest {
    let manifest = try Manifest(of: store, storedOffset: Manifest.storedOffset(self.store))
    guard manifest.tables == workload.rows, try store.snapshot().position == workload.position,
      manifest.streamTime == workload.streamTime
    else { fatalError("the store shows other rows than were written") }
    return manifest
  }
}
