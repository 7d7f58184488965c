internal import Changelog
internal import struct Synchronization.Atomic

/// Records what several threads do to a store, for ``IsolationHistory``.
///
/// Take a ``tick()`` before and after each call, and add the operation when it is over.
public final class HistoryRecorder: Sendable {
  private let clock = Atomic<Int>(0)
  private let operations = Mutex<[HistoryOperation]>([])

  /// Makes a recorder without operations.
  public init() {}

  /// The next tick of a clock that all threads share: a call that ends before another begins has lesser ticks.
  public func tick() -> Int { clock.add(1, ordering: .sequentiallyConsistent).newValue }

  /// Adds an operation; from any thread.
  public func add(_ operation: HistoryOperation) { operations.withLock { $0.append(operation) } }

  /// The operations recorded so far.
  public var history: IsolationHistory { IsolationHistory(operations.withLock { $0 }) }
}
