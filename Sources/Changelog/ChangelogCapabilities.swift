/// The promises of a changelog beyond those of every changelog.
///
/// Callers check capabilities first: a call that needs a missing capability throws `unsupported` with its name.
public struct ChangelogCapabilities: OptionSet, Hashable, Sendable {
  /// One bit a capability.
  public let rawValue: UInt32

  /// Creates capabilities from bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The receipt of every kept commit can be checked: ``Changelog/receipt(endingAt:)`` returns all of them, and each
  /// follows from the previous receipt (``Receipt/followed(by:)``).
  public static let verifiesHistory = ChangelogCapabilities(rawValue: 1 << 0)
  /// Records that later ones replace may be missing: in the compacted part, a prefix isn't the state of a commit.
  public static let isCompacted = ChangelogCapabilities(rawValue: 1 << 1)
  /// Durable commits survive the loss of this machine.
  public static let isReplicated = ChangelogCapabilities(rawValue: 1 << 2)
  /// All commits stay until they are deleted on request (``Changelog/deleteCommits(below:)``).
  ///
  /// Without it the changelog keeps a tail: commits below the stored offset are deleted, and the database is the only
  /// source of the state.
  public static let keepsHistory = ChangelogCapabilities(rawValue: 1 << 3)
  /// A commit may carry records for other topics (``Commit/outputs``).
  public static let carriesOutputs = ChangelogCapabilities(rawValue: 1 << 4)
  /// A commit may carry offsets of consumer groups (``Commit/groupOffsets``).
  public static let carriesGroupOffsets = ChangelogCapabilities(rawValue: 1 << 5)
}

extension ChangelogCapabilities: CustomStringConvertible {
  private static var names: [(ChangelogCapabilities, String)] {
    [
      (.verifiesHistory, "verifiesHistory"), (.isCompacted, "isCompacted"), (.isReplicated, "isReplicated"),
      (.keepsHistory, "keepsHistory"), (.carriesOutputs, "carriesOutputs"),
      (.carriesGroupOffsets, "carriesGroupOffsets"),
    ]
  }

  /// The names of the capabilities, as `[verifiesHistory, keepsHistory]`.
  public var description: String {
    "[" + Self.names.filter { contains($0.0) }.map(\.1).joined(separator: ", ") + "]"
  }
}

extension Changelog {
  /// Throws `unsupported` unless the changelog keeps its history; `message` says what needs it.
  package func requireHistory(_ message: String) throws(StoreError) {
    if capabilities.contains(.keepsHistory) { return }
    throw StoreError(
      .unsupported, message + ": the changelog keeps only the commits that the store's table files lack",
      ["changelog": identity, "capabilities": capabilities])
  }

  /// Throws `unsupported` if the changelog can't carry contents of the commit.
  package func checkCarries(_ commit: borrowing Commit) throws(StoreError) {
    if commit.isStateAlone { return }
    try commit.checkCarried(by: capabilities)
  }
}

extension Commit {
  /// Throws `unsupported` if a changelog with these capabilities can't carry contents of the commit.
  ///
  /// Call it first in ``ChangelogWriter/append(_:)``, before anything is appended.
  public func checkCarried(by capabilities: ChangelogCapabilities) throws(StoreError) {
    if !outputs.isEmpty, !capabilities.contains(.carriesOutputs) {
      throw StoreError(
        .unsupported, "not committed: the changelog can't carry output records; use one that can",
        ["outputs": outputs.count, "capabilities": capabilities])
    }
    if !groupOffsets.isEmpty, !capabilities.contains(.carriesGroupOffsets) {
      throw StoreError(
        .unsupported, "not committed: the changelog can't carry offsets of consumer groups; use one that can",
        ["groups": groupOffsets.count, "capabilities": capabilities])
    }
  }
}
