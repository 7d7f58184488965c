internal import Foundation

/// Work on a thread of its own.
///
/// Proof of `@unchecked Sendable`: `failure` is written before the semaphore is signalled, and read after the wait.
final class BackgroundTask: @unchecked Sendable {
  private let isDone = DispatchSemaphore(value: 0)
  private var failure: StoreError?

  init(_ name: String, _ body: @escaping @Sendable () throws(StoreError) -> Void) {
    let thread = Thread { [self] in
      do throws(StoreError) { try body() } catch { failure = error }
      isDone.signal()
    }
    thread.name = name
    thread.start()
  }

  /// Waits until it is done; throws what it threw.
  func wait() throws(StoreError) {
    isDone.wait()
    isDone.signal()
    if let failure { throw failure }
  }
}
