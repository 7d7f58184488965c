import Foundation
import Tidemark

/// The sizes, the working directory and the settings of plain databases, which all cases share.
final class Bench {
  let plan: Plan
  let directory: String
  let baseline: BaselineSettings
  /// The options of both sides: those with the same value, and those that differ.
  let options: ComparedOptions
  private var directories = 0
  private var loadedSides: LoadedSides?

  init(_ plan: Plan, directory: String) throws {
    self.plan = plan
    self.directory = directory
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let files = StoreFiles(directory: directory + "/options")
    let store = try files.open(.counting, budgetBytes: plan.budgetBytes)
    let ours = try store.info().effectiveOptions
    try store.close()
    baseline = BaselineSettings(budgetBytes: plan.budgetBytes, insertHint: plan.baselineInsertHint)
    let plain = try PlainDatabase(directory + "/plain", .create, with: baseline)
    options = ComparedOptions(ours: ours, theirs: plain.options)
  }

  /// A store with rows and a plain database with the same rows, shared by all cases that only read rows.
  func sharedSides() throws -> LoadedSides {
    if let loadedSides { return loadedSides }
    let sides = try LoadedSides(self)
    loadedSides = sides
    return sides
  }

  /// A directory that no run has used.
  func freshDirectory() throws -> String {
    directories += 1
    let path = "\(directory)/run-\(directories)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}

/// RocksDB's options in effect on both sides.
struct ComparedOptions: Codable, Sendable {
  /// The name and value of each option that is the same on both sides.
  let same: [String: String]
  /// The store's and the plain database's value of each option that differs.
  let different: [String: [String]]

  init(ours: [String: String], theirs: [String: String]) {
    same = ours.filter { theirs[$0.key] == $0.value }
    different = ours.merging(theirs) { a, _ in a }.keys.filter { ours[$0] != theirs[$0] }
      .reduce(into: [:]) { $0[$1] = [ours[$1] ?? "", theirs[$1] ?? ""] }
  }
}
