internal import Changelog
internal import Glibc
internal import struct Synchronization.Atomic

/// A lock of one owner, who comes often and pays little, and of visitors, who come now and then and pay for both.
///
/// Under contention the owner and a visitor take turns, and visitors stay away for some time behind each visit: they take
/// at most a share of the owner's time (``visitorShare``), however often they come. Changing hands takes longer than most
/// visits: what one processor wrote must get to the other. Spinning is fine, as what is done inside takes some microseconds
/// at most, but for rare things like rollbacks; who finds that the other takes longer gives up its own time.
///
/// Source: G. L. Peterson, "Myths about the mutual exclusion problem" (1981). Exchanges of `turn` are totally ordered, and
/// each shows what was stored before the one before it: so the later of the two sees that the other wants in, and waits.
final class OwnerLock: Sendable {
  private enum Side {
    static let owner = true
    static let visitor = false
  }

  /// How much of the time visitors may be inside: one part of so many.
  private static let visitorShare: UInt64 = 24
  /// What a visit counts for at most, in nanoseconds: one that takes longer was interrupted.
  private static let longestVisit: UInt64 = 10_000
  private static let spinsBeforeYield = 100

  private let ownerWantsIn = Atomic<Bool>(false)
  private let visitorWantsIn = Atomic<Bool>(false)
  /// Who goes first if both want in.
  private let turn = Atomic<Bool>(Side.owner)
  /// Held by the visitor; when the next may come, in nanoseconds.
  private let nextVisit = Mutex<UInt64>(0)

  /// Runs `body` alone; only the owner may call it, on one thread at a time.
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

  /// Runs `body` alone.
  ///
  /// Unpaced visits skip the delay; use them while holding a lock that others wait for. A paced visit waits for its time
  /// before it takes its place, so that it holds up no unpaced one.
  func asVisitor<R: ~Copyable>(isPaced: Bool = true, _ body: () -> R) -> R {
    while true {
      let now = monotonicNanoseconds()
      // The result of a visit, or when to come again.
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

  /// Runs `body` as the one visitor; says when the next may come.
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
