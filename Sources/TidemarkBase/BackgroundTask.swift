internal import Foundation

/// Work on a thread of its own.
///
/// Proof of `@unchecked Sendable`: `body` and `failure` are the thread's until the semaphore is signalled, and whoever waits
/// has them then.
package final class BackgroundTask: @unchecked Sendable {
  private let isDone = DispatchSemaphore(value: 0)
  private var body: (@Sendable () throws(StoreError) -> Void)?
  private var failure: StoreError?

  package init(_ name: String, _ body: @escaping @Sendable () throws(StoreError) -> Void) {
    self.body = body
    let thread = Thread { [self] in
      run()
      isDone.signal()
    }
    thread.name = name
    thread.start()
  }

  /// Does the work, and releases all references of the work: the waiter may want to open a database that the work had
  /// open.
  private func run() {
    do throws(StoreError) { try body?() } catch { failure = error }
    body = nil
  }

  /// Waits until it is done; throws what it threw.
  package func wait() throws(StoreError) {
    isDone.wait()
    isDone.signal()
    if let failure { throw failure }
  }
}
