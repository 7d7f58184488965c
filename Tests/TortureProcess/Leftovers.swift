import Foundation

// Proof: written once, before the handler is installed. A handler can't refer to anything else.
private nonisolated(unsafe) var signalled: Int32 = -1

private func tell(_ number: Int32) {
  var byte = UInt8(truncatingIfNeeded: number)
  _ = unsafe write(signalled, &byte, 1)
}

/// Removes files if this process is interrupted: its own directory, and those of the worker processes that it started.
enum Leftovers {
  private static let lock = NSLock()
  // Proof of both: the lock guards it.
  private nonisolated(unsafe) static var workers: [Int32: [String]] = [:]
  private nonisolated(unsafe) static var isInstalled = false
  /// Signals are passed through it: reading end, writing end.
  private static let pipe = Pipe()
  static func add(_ worker: Process, _ paths: [String]) {
    lock.withLock { unsafe workers[worker.processIdentifier] = paths }
  }

  static func remove(_ worker: Process) {
    lock.withLock { unsafe workers[worker.processIdentifier] = nil }
  }

  /// From here on an interrupt ends the workers, and removes their files and those of this process.
  static func removeWhenInterrupted(_ directory: String) {
    let isFirst = lock.withLock {
      defer { unsafe isInstalled = true }
      return unsafe !isInstalled
    }
    guard isFirst else { return }
    unsafe signalled = pipe.fileHandleForWriting.fileDescriptor
    // A handler, because workers would inherit an ignored or blocked signal.
    for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, tell) }
    Thread {
      guard let number = try? pipe.fileHandleForReading.read(upToCount: 1)?.first else { return }
      // Never released: threads that wait for a worker killed here report nothing, and the process doesn't end sooner.
      lock.lock()
      let (ids, paths) = unsafe (Array(workers.keys), workers.values.flatMap { $0 })
      for id in ids { kill(id, SIGKILL) }
      // A dying process may still create files.
      for id in ids { while kill(id, 0) == 0 { usleep(1000) } }
      for path in paths + [directory] { try? FileManager.default.removeItem(atPath: path) }
      // Not `exit`: the main thread may be exiting, too, because its workers are gone.
      _exit(128 + Int32(number))
    }.start()
  }
}
