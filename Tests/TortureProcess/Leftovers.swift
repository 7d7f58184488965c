import Foundation

// Proof: written once, before the handler is there. A handler can't refer to more.
private nonisolated(unsafe) var signalled: Int32 = -1

private func tell(_ number: Int32) {
  var byte = UInt8(truncatingIfNeeded: number)
  _ = unsafe write(signalled, &byte, 1)
}

/// What is removed if this process is interrupted: its directory, and what the processes need that it has started.
enum Leftovers {
  private static let lock = NSLock()
  // Proof of both: the lock guards it.
  private nonisolated(unsafe) static var workers: [Int32: [String]] = [:]
  private nonisolated(unsafe) static var isInstalled = false
  /// Signals come through it: reading end, writing end.
  private static let pipe = Pipe()
  static func add(_ worker: Process, _ paths: [String]) {
    lock.withLock { unsafe workers[worker.processIdentifier] = paths }
  }

  static func remove(_ worker: Process) {
    lock.withLock { unsafe workers[worker.processIdentifier] = nil }
  }

  /// From here on an interrupted process ends its workers, and removes their files and its own.
  static func removeWhenInterrupted(_ directory: String) {
    let isFirst = lock.withLock {
      defer { unsafe isInstalled = true }
      return unsafe !isInstalled
    }
    guard isFirst else { return }
    unsafe signalled = pipe.fileHandleForWriting.fileDescriptor
    // A handler, as what is ignored or blocked would be so in workers, too.
    for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, tell) }
    Thread {
      guard let number = try? pipe.fileHandleForReading.read(upToCount: 1)?.first else { return }
      // Held to the end: whoever waits for a worker that is ended here reports nothing, and the process does not end sooner.
      lock.lock()
      let (ids, paths) = unsafe (Array(workers.keys), workers.values.flatMap { $0 })
      for id in ids { kill(id, SIGKILL) }
      // Files may come for as long as one is dying.
      for id in ids { while kill(id, 0) == 0 { usleep(1000) } }
      for path in paths + [directory] { try? FileManager.default.removeItem(atPath: path) }
      // Not `exit`: the main thread may be ending, too, as its workers are gone.
      _exit(128 + Int32(number))
    }.start()
  }
}
