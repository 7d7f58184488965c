/// The one writer of a changelog.
///
/// `append` is called by one thread at a time; `sync` and the properties by any.
public protocol ChangelogWriter: AnyObject, Sendable {
  /// The epoch: it grows with each writer of the changelog.
  var epoch: Int32 { get }
  /// The end of the last commit.
  var endOffset: Offset { get }
  /// Commits below this offset survive a loss of power.
  var durableOffset: Offset { get }
  /// The receipt of the last commit.
  var lastReceipt: Receipt { get }

  /// The report of the recovery when the writer was opened. A writer that wraps another forwards its report.
  var recovery: ChangelogRecovery { get }

  /// Appends one commit, all or nothing; on return, the commit has the durability of the changelog.
  ///
  /// Throws, with nothing appended: `unsupported` if the changelog can't carry contents of the commit
  /// (``Commit/checkCarried(by:)``), `unavailable`, `outOfSpace`, `tooLarge`, or `failed` if an earlier sync failed on
  /// which no commit waited. Throws `fenced` if another writer took over, and `commitUnknown` if the outcome is
  /// unknown; the writer then takes no more commits.
  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit

  /// Makes all commits appended so far survive a loss of power; returns the offset below which commits are durable.
  @discardableResult
  func sync() throws(StoreError) -> Offset

  /// Syncs, and releases the lock. Later calls throw `closed`.
  func close() throws(StoreError)
}

extension ChangelogWriter {
  /// Nothing was cut.
  public var recovery: ChangelogRecovery { ChangelogRecovery() }
}
