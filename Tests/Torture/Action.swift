/// One step of a history.
package enum Action: Sendable, Hashable {
  /// Commits this number of changed records, with values of this size; some changes are deletions.
  case commit(records: Int, valueBytes: Int)
  /// Changes records and drops them again.
  case abort(records: Int)
  /// Reads everything, in both orders, also from a transaction with changes.
  case read
  /// Flushes everything into table files.
  case flush
  /// Takes a checkpoint outside the store's directory.
  case checkpoint
  /// Deletes the changelog below the last checkpoint.
  case deleteChangelog
  /// Closes and reopens the store.
  case reopen
  /// Sets the database aside and restores it from the changelog.
  case rebuild
  /// Restores the state at an earlier commit into a directory of its own.
  case restorePast
  /// Makes another store, with another changelog, from the last checkpoint.
  case fork
  /// Upgrades to the latest version of the formats.
  case upgrade
  /// The same as `commit`, in the store without a changelog.
  case commitLocally(records: Int, valueBytes: Int)
  case flushLocally
  case reopenLocally

  static let tableCount = 3

  /// A history with every kind of action.
  package static let script: [Action] = [
    .commit(records: 1, valueBytes: 20), .commit(records: 30, valueBytes: 100), .abort(records: 10),
    .commitLocally(records: 3, valueBytes: 30), .read, .commit(records: 200, valueBytes: 60), .checkpoint,
    .commit(records: 5, valueBytes: 2000), .upgrade, .commitLocally(records: 60, valueBytes: 100),
    .commit(records: 3, valueBytes: 9),
    .flush, .commit(records: 120, valueBytes: 100), .reopen, .commit(records: 2, valueBytes: 10), .flushLocally,
    .checkpoint, .commit(records: 60, valueBytes: 200), .fork, .restorePast, .commit(records: 1, valueBytes: 1),
    .rebuild, .commit(records: 40, valueBytes: 50), .deleteChangelog, .commitLocally(records: 5, valueBytes: 10),
    .reopenLocally, .commit(records: 150, valueBytes: 40), .read, .flush, .commit(records: 4, valueBytes: 300),
    .rebuild, .commit(records: 10, valueBytes: 10), .commitLocally(records: 2, valueBytes: 5), .checkpoint, .reopen,
  ]

  /// A random action.
  static func random(using random: inout some RandomNumberGenerator) -> Action {
    let records = [1, 2, 5, 20, 100, 300].randomElement(using: &random)!
    // Commits stay small: a crash's outcome depends on how often files change, not on how large they are.
    let valueBytes = (records > 20 ? [0, 10, 50] : [0, 10, 100, 1000]).randomElement(using: &random)!
    return switch Int.random(in: 0..<100, using: &random) {
    case 0..<40: .commit(records: records, valueBytes: valueBytes)
    case 40..<44: .abort(records: records)
    case 44..<49: .read
    case 49: .upgrade
    case 50..<56: .flush
    case 56..<61: .checkpoint
    case 61..<64: .deleteChangelog
    case 64..<72: .reopen
    case 72..<75: .rebuild
    case 75..<78: .restorePast
    case 78..<81: .fork
    case 81..<93: .commitLocally(records: records, valueBytes: valueBytes)
    case 93..<97: .flushLocally
    default: .reopenLocally
    }
  }
}
