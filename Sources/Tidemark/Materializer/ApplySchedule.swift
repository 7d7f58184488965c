internal import Changelog
internal import Glibc
internal import RocksDB

/// Decides when runs are applied, and when `HEAD` is written.
///
/// A state machine without clock, lock or thread: events come in, ``next(at:compactions:patience:)`` returns the next
/// action.
///
/// Rule R10: the stored offset lags the committed one by bounded bytes and a bounded time.
struct ApplySchedule: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// The next action.
  enum Action: Equatable {
    /// Apply the runs.
    case apply
    /// Write `HEAD`.
    case writeHead
    /// Nothing until this time or the next event.
    case wait(until: Instant?)
  }

  private enum Retry: Equatable {
    case none
    /// The last `failures` applications failed for lack of space.
    case after(Instant, failures: Int)
  }

  /// How often to check whether a stall has ended: the notification of its end might be missed.
  private static let stallLook: Duration = .milliseconds(100)
  private static let firstRetry: Duration = .milliseconds(100)
  private static let longestRetry: Duration = .seconds(5)
  /// The most entries of ``started``: the lag is exact for so many applications.
  private static let startedCount = 8

  /// An application is due from this many changelog bytes after the stored offset on.
  let lagLimitBytes: Int
  private let lagTime: Duration
  /// Bytes committed since the last application began.
  private var unstoredBytes = 0
  /// When the first of those bytes was committed.
  private var unstoredSince: Instant?
  /// Of each application that began and isn't known to be stored: the end of its commits, and their bytes.
  private var started: [(end: Offset, bytes: Int)] = []
  /// The budget, the size of the runs, or a caller asks for an application.
  private var isRequested = false
  private var headIsDue = false
  /// The time until which a due application waits for compactions; `nil` while none is due.
  private var heldUntil: Instant?
  private var retry = Retry.none

  init(lagLimitBytes: Int, lagTime: Duration) {
    self.lagLimitBytes = lagLimitBytes
    self.lagTime = min(max(lagTime, .zero), .seconds(365 * 86_400))
  }

  // MARK: Events

  /// Bytes were committed; returns whether the job should call ``next(at:compactions:patience:)``.
  mutating func committed(bytes: Int, at now: @autoclosure () -> Instant) -> Bool {
    unstoredBytes += bytes
    var isNews = false
    if unstoredSince == nil {
      unstoredSince = now()
      isNews = true
    }
    if unstoredBytes >= lagLimitBytes, request() { isNews = true }
    return isNews
  }

  /// Requests an application soon; returns whether none was requested yet.
  @discardableResult
  mutating func request() -> Bool {
    defer { isRequested = true }
    return !isRequested
  }

  /// An application of all up to `end` begins.
  mutating func applicationBegan(upTo end: Offset) {
    if started.count == Self.startedCount {
      let oldest = started.removeFirst()
      started[0].bytes += oldest.bytes
    }
    started.append((end, unstoredBytes))
    (unstoredBytes, unstoredSince, isRequested, heldUntil) = (0, nil, false, nil)
  }

  /// The last application succeeded.
  mutating func applicationSucceeded() {
    retry = .none
    headIsDue = true
  }

  /// An application failed, and nothing has changed: it is due again after a delay that grows with each failure.
  mutating func applicationFailed(at now: Instant) {
    let failures: Int
    if case .after(_, let former) = retry { failures = former + 1 } else { failures = 1 }
    let pause = min(Self.firstRetry * (1 << min(failures - 1, 10)), Self.longestRetry)
    retry = .after(now.advanced(by: pause), failures: failures)
    let last = started.popLast()
    unstoredBytes += last?.bytes ?? 0
    unstoredSince = unstoredSince ?? now
    isRequested = true
  }

  // MARK: Answers

  /// How many applications failed in a row.
  var failureCount: Int { if case .after(_, let failures) = retry { failures } else { 0 } }

  /// At most how many bytes were committed after the stored offset.
  mutating func lagBytes(stored: Offset) -> Int {
    started.removeAll { $0.end <= stored }
    return started.reduce(unstoredBytes) { $0 + $1.bytes }
  }

  /// The action at a time; `compactions` says whether RocksDB would slow down or stop writes, and `patience` how long
  /// an application that becomes due waits for the end of that stall.
  mutating func next(
    at now: Instant, compactions stall: WriteStall, patience: (_ isStalled: Bool) -> Duration
  ) -> Action {
    if headIsDue {
      headIsDue = false
      return .writeHead
    }
    let lateAt = unstoredSince?.advanced(by: lagTime)
    guard isRequested || lateAt.map({ $0 <= now }) ?? false else { return .wait(until: lateAt) }
    if case .after(let again, failures: _) = retry, now < again { return .wait(until: again) }
    let held = heldUntil ?? now.advanced(by: patience(stall != .none))
    heldUntil = held
    switch stall {
    case .stopped: return .wait(until: now.advanced(by: Self.stallLook))
    case .delayed where now < held: return .wait(until: min(held, now.advanced(by: Self.stallLook)))
    case .delayed, .none: break
    }
    // A request is done once, even if there turns out to be nothing to apply.
    (isRequested, heldUntil, unstoredSince) = (false, nil, nil)
    return .apply
  }
}

/// Computes how fast runs are applied, and how long commits and applications should wait.
///
/// Pure arithmetic: the clock is passed in.
struct ApplyPace: Sendable {
  /// Bytes a second.
  private static let trickleRate = 2e6
  /// After this many applications in a row that begin while RocksDB would slow writes down, their waiting time has
  /// doubled.
  private static let stalledDoubling = 4.0
  private static let greatestStall = 16.0
  private static let longestStall: Duration = .seconds(2)

  /// Runs are due for application from this many bytes on.
  let limitBytes: Int
  /// Bytes of runs that are applied in a second, including waits for compactions.
  private var rate = 50e6
  private var lastApplication: Duration = .zero
  /// The number of applications in a row that began while RocksDB would slow writes down.
  private var stalledApplications = 0.0

  init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// The longest time that the next application should wait for compactions.
  ///
  /// Each application adds a file to level 0. At some number of files, no application may begin before compactions end,
  /// which takes long in a large database. To avoid one long stall, each application waits longer than the previous
  /// one: at most 16 times the duration of an application, and at most two seconds.
  mutating func patience(isStalled: Bool) -> Duration {
    stalledApplications = isStalled ? stalledApplications + 1 : 0
    let factor = min(exp2(stalledApplications / Self.stalledDoubling), Self.greatestStall)
    return isStalled ? min(lastApplication * factor, Self.longestStall) : .zero
  }

  /// An application of `byteCount` bytes took `duration`, and `sinceDue` since runs should have been applied.
  mutating func applied(_ byteCount: Int, in duration: Duration, sinceDue: Duration) {
    lastApplication = duration
    // A small application shows its fixed costs, not the rate.
    guard byteCount >= limitBytes / 2 else { return }
    rate = (rate + Double(byteCount) / max(sinceDue / .seconds(1), 1e-6)) / 2
  }

  /// How long a commit of `count` bytes should wait while runs have `waitingBytes`; `nil`: until the runs have fewer
  /// bytes.
  ///
  /// From twice the limit on, commits slow down to the rate of applications, and from three times on to 2 MB a second,
  /// so that a small commit doesn't wait for a whole application. Beyond four times they stop.
  func delay(_ count: Int, waitingBytes: Int) -> Duration? {
    let excess = Double(waitingBytes - 2 * limitBytes) / Double(max(limitBytes, 1))
    if excess <= 0 { return .zero }
    if excess > 2 { return nil }
    let rate = excess > 1 ? 0 : rate / (2 * excess)
    return .seconds(Double(count) / max(rate, Self.trickleRate))
  }
}
