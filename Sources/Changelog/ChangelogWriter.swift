/// The one writer of a changelog.
///
/// `append` is called by one thread at a time; `sync` and the properties by any.
public protocol ChangelogWriter: AnyObject, Sendable {
  /// Counts the writers the changelog has had.
  var epoch: Int32 { get }
  /// After the last commit.
  var endOffset: Offset { get }
  /// Below it, commits survive a loss of power.
  var durableOffset: Offset { get }
  /// The receipt of the last commit.
  var lastReceipt: Receipt { get }

  /// What was found, and cut, when the writer was opened. A writer that wraps another passes its report on.
  var recovery: ChangelogRecovery { get }

  /// Appends one commit, all or nothing; when it returns, the commit is as durable as the changelog's setting says.
  ///
  /// Throws `unsupported` if the commit carries what the changelog can't (``Commit/checkCarried(by:)``), `unavailable`,
  /// `outOfSpace` or `tooLarge`, each with nothing appended; `fenced` when another writer took over; `commitUnknown` when it
  /// can't be told, after which the writer takes no more; `failed`, with nothing appended, when it takes no more since a sync
  /// failed that no commit waited for.
  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit

  /// Makes everything appended so far survive a loss of power; returns the offset below which it does.
  @discardableResult
  func sync() throws(StoreError) -> Offset

  /// Syncs, and gives the lock back. Further calls throw `closed`.
  func close() throws(StoreError)
}

extension ChangelogWriter {
  /// Nothing was cut.
  public var recovery: ChangelogRecovery { ChangelogRecovery() }
}
