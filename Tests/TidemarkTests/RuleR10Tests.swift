import Foundation
import Testing
import Tidemark

/// R10, never stale: the stored offset lags by a bounded number of bytes and by a bounded time.
@Suite struct RuleR10Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: maintenance that looks at bytes only; `HEAD` written at open and close only.
  @Test func aQuietStoreIsStoredWithinTheTime() throws {
    var options = StoreOptions()
    options.storedLagTime = .milliseconds(20)
    let store = try directory.store(try directory.log(), options)
    for number in 0..<3 {
      // One commit, and then nothing else happens.
      try store.write { try $0.put("a", Int64(number), in: balances) }
      let committed = try store.info().committedOffset
      try #require(try eventually { try store.info().storedOffset == committed })
      try #require(
        try eventually {
          try String(contentsOfFile: directory("store/HEAD"), encoding: .utf8).contains("\noffset \(committed)\n")
        })
    }
  }

  /// Seen to fail with: maintenance that looks at the time only.
  @Test func aBusyStoreIsStoredWithinTheBytes() throws {
    var options = StoreOptions.lazy
    options.storedLagBytes = 20_000
    let store = try directory.store(try directory.log(), options)
    for _ in 0..<5 {
      let before = try store.info()
      var bytes = 0
      while bytes < 20_000 {
        try store.write { try $0.put(("a", Int64(bytes)), String(repeating: "x", count: 1000), in: orders) }
        bytes += 1000
      }
      try #require(try eventually { try store.info().storedOffset > before.committedOffset })
    }
  }

  /// Nothing is committed, so nothing is written.
  ///
  /// Seen to fail with: maintenance that flushes whenever the time is over.
  @Test func aStoreThatStoredEverythingRests() throws {
    var options = StoreOptions()
    options.storedLagTime = .milliseconds(5)
    let store = try directory.store(try directory.log(), options)
    try store.write { try $0.put("a", 1, in: balances) }
    let committed = try store.info().committedOffset
    try #require(try eventually { try store.info().storedOffset == committed })
    func files() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: directory("store/db")).filter { $0.hasSuffix(".sst") })
    }
    let former = try files()
    let other = try TemporaryDirectory()
    let otherStore = try other.store(try other.log(), options)
    for number in 0..<5 {
      // Another store's lag serves as the clock.
      try otherStore.write { try $0.put("a", Int64(number), in: balances) }
      let committed = try otherStore.info().committedOffset
      try #require(try eventually { try otherStore.info().storedOffset == committed })
    }
    #expect(try files() == former)
  }
}
