internal import Changelog
internal import Glibc
internal import struct Synchronization.Atomic

/// A biased lock: cheap for one owner, which takes it often, and expensive for visitors, which take it now and then.
///
/// Under contention the owner and a visitor take turns, and visitors pause after each visit: all visitors together take
/// at most a share of the owner's time (``visitorShare``), however many they are. Passing the lock takes longer than
/// most visits: the cache lines must move to the other processor. Waiting threads spin, as most critical sections take
/// some microseconds; rollbacks may take longer, so a thread that waits longer yields its processor.
///
/// Source: G. L. Peterson, "Myths about the mutual exclusion problem" (1981). Exchanges of `turn` are totally ordered,
/// and each makes visible all stores before the previous exchange. So the later of two threads sees that the other
/// wants the lock, and waits.
final class OwnerLock: Sendable {
  private enum Side {
    static let owner = true
    static let visitor = false
  }

  /// Visitors may hold the lock for one part in `visitorShare` of the time.
  private static let visitorShare: UInt64 = 24
  /// The most that a visit counts for, in nanoseconds: a longer one was interrupted.
  private static let longestVisit: UInt64 = 10_000
  private static let spinsBeforeYield = 100

  private let ownerWantsIn = Atomic<Bool>(false)
  private let visitorWantsIn = Atomic<Bool>(false)
  /// Who goes first if both want the lock.
  private let turn = Atomic<Bool>(Side.owner)
  /// Held by the visitor; the time of the next paced visit, in nanoseconds.
  private let nextVisit = Mutex<UInt64>(0)

  /// Runs `body` exclusively; only the owner may call this, on one thread at a time.
  @inline(__always)
  func asOwner<R: ~Copyable>(_ body: () -> R) -> R {
    ownerWantsIn.store(true, ordering: .relaxed)
    _ = turn.exchange(Side.visitor, ordering: .acquiringAndReleasing)
    if visitorWantsIn.load(ordering: .acquiring) { waitForVisitor() }
    defer { ownerWantsIn.store(false, ordering: .releasing) }
    return body()
  }

  @inline(never)
  private func waitForVisitor() {
    Self.spin { visitorWantsIn.load(ordering: .acquiring) && turn.load(ordering: .acquiring) == Side.visitor }
  }

  /// Runs `body` exclusively, as a visitor.
  ///
  /// Unpaced visits skip the delay; use them while holding a lock that others wait for. A paced visit waits for its
  /// time before it takes `nextVisit`, so that it doesn't delay unpaced visits.
  func asVisitor<R: ~Copyable>(isPaced: Bool = true, _ body: () -> R) -> R {
    while true {
      let now = monotonicNanoseconds()
      // The result of a visit, or the time of the next try.
      let visit: Visit<R> = nextVisit.withLock { nextVisit in
        if isPaced, now < nextVisit { return .at(nextVisit) }
        return .made(visitNow(&nextVisit, body))
      }
      switch consume visit {
      case .made(let result): return result
      case .at(let time): Self.spin { monotonicNanoseconds() < time }
      }
    }
  }

  private enum Visit<R: ~Copyable>: ~Copyable {
    case made(R)
    case at(UInt64)
  }

  /// Runs `body` as the one visitor, and sets the time of the next visit.
  private func visitNow<R: ~Copyable>(_ nextVisit: inout UInt64, _ body: () -> R) -> R {
    let begin = monotonicNanoseconds()
    visitorWantsIn.store(true, ordering: .relaxed)
    _ = turn.exchange(Side.owner, ordering: .acquiringAndReleasing)
    Self.spin { ownerWantsIn.load(ordering: .acquiring) && turn.load(ordering: .acquiring) == Side.owner }
    let result = body()
    visitorWantsIn.store(false, ordering: .releasing)
    let end = monotonicNanoseconds()
    nextVisit = end + min(end - begin, Self.longestVisit) * (Self.visitorShare - 1)
    return result
  }

  @inline(__always)
  private static func spin(while condition: () -> Bool) {
    var spins = 0
    while condition() {
      spins += 1
      if spins > spinsBeforeYield { sched_yield() }
    }
  }
}
