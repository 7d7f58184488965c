import Foundation
import Synchronization

/// SIGINT and SIGTERM, noted and left to the work under way: it commits and stops.
enum Signals {
  private static let received = Atomic<Int32>(0)

  /// The first signal that came; `nil` while none has.
  static var pending: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// From here on the two signals are noted; a second one of them ends the process at once.
  static func catchAll() {
    _ = pending
    // A parent may have handed down a mask that blocks them.
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    for number in [SIGINT, SIGTERM] {
      unsafe sigaddset(&mask, number)
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        Signals.received.store(number, ordering: .relaxed)
      }
      // SA_RESETHAND: the default action is back for the next one.
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
      unsafe sigaction(number, &action, nil)
    }
    unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }
}
