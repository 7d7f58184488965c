/// One process of a bank, from its start until it is killed, as seen in its output.
struct KilledLife {
  let mode: BankMode
  /// The position at which the bank opened; `nil` if it didn't.
  private(set) var start: Int64?
  /// The last acknowledged position.
  private(set) var acknowledged: Int64?
  /// The last position given to a commit.
  private(set) var tried: Int64?
  private(set) var wasSetAside = false
  private(set) var acknowledgements = 0
  private(set) var applications = 0
  private(set) var compactions = 0
  private(set) var taken: Set<Int> = []
  private(set) var removing: Set<Int> = []
  /// The checkpoint being taken.
  private(set) var taking: Int?
  private(set) var isDeletingChangelog = false
  private(set) var changelogDeletions = 0

  init(_ mode: BankMode) { self.mode = mode }

  /// Takes in a line; returns its first word.
  mutating func take(_ line: String) throws -> Substring {
    let words = line.split(separator: " ")
    guard let word = words.first, word != "violation:", words.count <= 2 else {
      throw Violation(description: line.replacing("violation: ", with: ""))
    }
    switch (word, words.count == 2 ? Int64(words[1]) : nil) {
    case ("ready", let position?): (start, acknowledged, tried) = (position, position, position)
    case ("try", let position?): tried = position
    case ("ack", let position?):
      acknowledged = position
      acknowledgements += 1
    case ("taking", let number?): taking = Int(number)
    case ("taken", let number?):
      taken.insert(Int(number))
      taking = nil
    case ("removing", let number?): removing.insert(Int(number))
    case ("deleting", _?): isDeletingChangelog = true
    case ("deleted", _?):
      isDeletingChangelog = false
      changelogDeletions += 1
    case ("applied", nil): applications += 1
    case ("compacted", nil): compactions += 1
    case ("aside", nil): wasSetAside = true
    case ("opening", nil): break
    default: throw Violation(description: line)
    }
    return word
  }
}
