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

  /// The process to which the signals are forwarded, if any.
  private static let child = Atomic<Int32>(0)

  /// From here on the two signals are noted; a second one of the same kind ends the process at once.
  static func catchAll() {
    _ = pending
    // SA_RESETHAND: the next signal of that kind has the default action.
    install(flags: Int32(bitPattern: UInt32(SA_RESETHAND))) { Signals.received.store($0, ordering: .relaxed) }
  }

  /// From here on the two signals are forwarded to a child of this process, to end it.
  static func handOn(to process: Int32) {
    child.store(process, ordering: .relaxed)
    install(flags: 0) { kill(Signals.child.load(ordering: .relaxed), $0) }
  }

  private static func install(flags: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = handler
      action.sa_flags = flags | SA_RESTART
      unsafe sigaction(number, &action, nil)
    }
    unblock()
  }

  /// Unblocks the signals, here and in children: a mask inherited from the parent may block them.
  static func unblock() {
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    for number in [SIGINT, SIGTERM, SIGABRT] { unsafe sigaddset(&mask, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }
}
