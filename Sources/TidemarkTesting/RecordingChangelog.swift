public import Changelog

/// A wrapper of another changelog that records the calls in order, and fails on request.
///
/// It records the events that the store's rules are about: syncs before other steps, and appended commits.
public final class RecordingChangelog: Changelog {
  /// A call of the changelog or its writer.
  public enum Event: Sendable, Hashable {
    /// A writer of this epoch was opened.
    case openedWriter(epoch: Int32)
    /// A commit was appended.
    case appended(AppendedCommit)
    /// An append threw.
    case refusedAppend(StoreError.Kind)
    /// A sync returned this durable offset.
    case synced(Offset)
    /// A sync threw.
    case refusedSync(StoreError.Kind)
    /// Commits were read from this offset on.
    case read(from: Offset)
    /// The writer was closed.
    case closedWriter
  }

  /// The errors to throw and the closures to call; set with ``setFaults(_:)``.
  public struct Faults: Sendable {
    /// Thrown by appends, with nothing appended.
    public var append: StoreError?
    /// Thrown by appends after the commit was appended.
    public var appended: StoreError?
    /// Thrown by syncs, with nothing synced.
    public var sync: StoreError?
    /// Thrown by reads once they reach this offset.
    public var read: (offset: Offset, error: StoreError)?
    /// Called before each append.
    public var willAppend: (@Sendable () -> Void)?
    /// Called after each append, before it returns to the store.
    public var didAppend: (@Sendable () -> Void)?
    /// Called before each sync, on the thread that syncs.
    public var willSync: (@Sendable () -> Void)?
    /// Called before the writer returns its durable offset, on the calling thread.
    public var willTellDurableOffset: (@Sendable () -> Void)?

    /// Nothing goes wrong.
    public init() {}
  }

  private struct State: Sendable {
    var events: [Event] = []
    var faults = Faults()
  }

  private let base: any Changelog
  private let state = Mutex(State())

  /// Wraps a changelog.
  public init(_ base: any Changelog) { self.base = base }

  /// The events so far.
  public var events: [Event] { state.withLock { $0.events } }

  /// Sets the faults from now on.
  public func setFaults(_ faults: Faults) { state.withLock { $0.faults = faults } }

  /// Forgets the events so far.
  public func forgetEvents() { state.withLock { $0.events = [] } }

  fileprivate func record(_ event: Event) { state.withLock { $0.events.append(event) } }
  fileprivate var faults: Faults { state.withLock { $0.faults } }

  // MARK: Changelog

  /// The wrapped changelog's identity.
  public var identity: ChangelogIdentity { base.identity }

  /// What the wrapped changelog can promise.
  public var capabilities: ChangelogCapabilities { base.capabilities }

  /// The wrapped changelog's offsets.
  public func offsets() throws(StoreError) -> ChangelogOffsets { try base.offsets() }

  /// Waits for the wrapped changelog.
  public func waitForChange(
    from known: ChangelogOffsets, timeout: Duration
  ) throws(StoreError) -> ChangelogOffsets {
    try base.waitForChange(from: known, timeout: timeout)
  }

  /// Opens the wrapped changelog's writer and wraps it.
  public func openWriter() throws(StoreError) -> any ChangelogWriter {
    let writer = try base.openWriter()
    record(.openedWriter(epoch: writer.epoch))
    return RecordingWriter(writer, self)
  }

  /// Reads the wrapped changelog.
  @discardableResult
  public func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    record(.read(from: start))
    return try base.read(from: start, to: end) { (commit) throws(StoreError) in
      if let fault = faults.read, commit.baseOffset >= fault.offset { throw fault.error }
      return try body(commit)
    }
  }

  /// Asks the wrapped changelog.
  public func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? { try base.receipt(endingAt: offset) }

  /// Asks the wrapped changelog.
  public func end(at point: ChangelogPoint) throws(StoreError) -> Offset { try base.end(at: point) }

  /// Asks the wrapped changelog.
  public func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? {
    try base.byteCount(from: start, to: end)
  }

  /// Asks the wrapped changelog.
  @discardableResult
  public func deleteCommits(below offset: Offset) throws(StoreError) -> Offset {
    try base.deleteCommits(below: offset)
  }
}

/// The writer of a ``RecordingChangelog``.
private final class RecordingWriter: ChangelogWriter {
  private let base: any ChangelogWriter
  private let log: RecordingChangelog

  init(_ base: any ChangelogWriter, _ log: RecordingChangelog) {
    self.base = base
    self.log = log
  }

  var epoch: Int32 { base.epoch }
  var endOffset: Offset { base.endOffset }
  var durableOffset: Offset {
    log.faults.willTellDurableOffset?()
    return base.durableOffset
  }
  var lastReceipt: Receipt { base.lastReceipt }
  var recovery: ChangelogRecovery { base.recovery }

  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    let faults = log.faults
    faults.willAppend?()
    do throws(StoreError) {
      if let error = faults.append { throw error }
      let appended = try base.append(commit)
      log.record(.appended(appended))
      faults.didAppend?()
      if let error = faults.appended { throw error }
      return appended
    } catch {
      log.record(.refusedAppend(error.kind))
      throw error
    }
  }

  func sync() throws(StoreError) -> Offset {
    let faults = log.faults
    faults.willSync?()
    do throws(StoreError) {
      if let error = faults.sync { throw error }
      let durable = try base.sync()
      log.record(.synced(durable))
      return durable
    } catch {
      log.record(.refusedSync(error.kind))
      throw error
    }
  }

  func close() throws(StoreError) {
    log.record(.closedWriter)
    try base.close()
  }
}
