internal import Changelog
internal import Glibc

/// How fast the database takes runs, and how long commits and applications wait for that.
///
/// Pure arithmetic: the clock is passed in.
struct ApplyPace: Sendable {
  /// Bytes a second.
  private static let trickleRate = 2e6
  /// After how many applications that begin while RocksDB would slow writes down the time that they wait has doubled.
  private static let stalledDoubling = 4.0
  private static let greatestStall = 16.0
  private static let longestStall: Duration = .seconds(2)

  /// From this many bytes of runs on they should be applied.
  let limitBytes: Int
  /// How many bytes of runs the database takes a second, with what applications wait for compactions.
  private var rate = 50e6
  private var lastApplication: Duration = .zero
  /// How many applications in turn began while RocksDB would slow writes down.
  private var stalledApplications = 0.0

  init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// How long the next application should wait for compactions at most.
  ///
  /// Each makes a file more in level 0, and at some number of them none may begin before compactions end, which takes long
  /// in a large database. So each waits longer than the one before: up to 16 times the time that one takes and two
  /// seconds, rather than a long time at once.
  mutating func patience(isStalled: Bool) -> Duration {
    stalledApplications = isStalled ? stalledApplications + 1 : 0
    let factor = min(exp2(stalledApplications / Self.stalledDoubling), Self.greatestStall)
    return isStalled ? min(lastApplication * factor, Self.longestStall) : .zero
  }

  /// An application of `byteCount` bytes took `duration`, and `sinceDue` since runs should have been applied.
  mutating func applied(_ byteCount: Int, in duration: Duration, sinceDue: Duration) {
    lastApplication = duration
    // A small one tells of its fixed costs, not of how fast bytes are taken.
    guard byteCount >= limitBytes / 2 else { return }
    rate = (rate + Double(byteCount) / max(sinceDue / .seconds(1), 1e-6)) / 2
  }

  /// How long a commit of `count` bytes should wait while runs take `waitingBytes`, because they come faster than the
  /// database takes them; `nil`: until there are fewer.
  ///
  /// From twice the limit on commits slow down to what the database takes, and from three times on to a trickle, so that a
  /// small one doesn't wait for all that is being applied. None goes on beyond four times.
  func delay(_ count: Int, waitingBytes: Int) -> Duration? {
    let excess = Double(waitingBytes - 2 * limitBytes) / Double(max(limitBytes, 1))
    if excess <= 0 { return .zero }
    if excess > 2 { return nil }
    let rate = excess > 1 ? 0 : rate / (2 * excess)
    return .seconds(Double(count) / max(rate, Self.trickleRate))
  }
}
