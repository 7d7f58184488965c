internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// One life of a world, on a disk that fails now and then: from a crash to the next.
///
/// What the errors tell is done. Where RocksDB stops the program (Debian's is built with assertions, and some of them
/// follow from a read that failed), that is a crash like any other: the thread never goes on, and the next life begins with
/// what is on the disk.
final class Incarnation {
  /// No two of a process have the same directory: one that was stopped keeps its locks.
  private static let lastNumber = Mutex(0)

  private let scratch: String
  private let root: String
  /// All directories that its files were recorded in, life after life.
  private let roots: [String]
  /// Where its own steps begin in the disk's trace.
  private let firstStep: Int
  let disk: Disk
  let world: World
  /// Whether a read has brought a flipped bit, here or in a life before: what came of it may be on the disk.
  private var hasFlippedBits: Bool { disk.hasFlippedBits || hadFlippedBits }
  private var hadFlippedBits = false
  private(set) var errors = 0
  private(set) var reopens = 0
  private(set) var rebuilds = 0

  /// The first, with an empty disk.
  convenience init(_ scratch: String, _ settings: World.Settings) throws {
    try POSIXStorage().removeTree(scratch)
    try self.init(scratch, settings, DiskImage(), Promise(), after: nil, recordedAt: [])
  }

  private init(
    _ scratch: String, _ settings: World.Settings, _ image: DiskImage, _ promise: Promise,
    after history: DiskTrace?, recordedAt roots: [String]
  ) throws {
    self.scratch = scratch
    let number = Self.lastNumber.withLock { number in
      number += 1
      return number
    }
    root = "\(scratch)/\(number)"
    disk = Disk(recording: root, over: try image.write(to: root, inPlaceOf: roots), after: history, syncs: false)
    self.roots = roots + [root]
    firstStep = history?.steps.count ?? 0
    world = World(root, disk, settings, promise)
  }

  /// Does something, again and again until it is done, and opens again what doesn't go on; `false` if the program stopped.
  func attempt(_ body: @escaping () throws -> Void) throws -> Bool {
    let outcome = ProgramStop.run { [self] in try attemptHere(body) }
    try outcome?.get()
    if outcome == nil, disk.failureCount == 0 { throw Violation("the program stopped, without a failing disk") }
    return outcome != nil
  }

  private func attemptHere(_ body: () throws -> Void) throws {
    var tries = 0
    while true {
      do {
        if world.store == nil || world.local == nil {
          reopens += 1
          world.letGo()
          // A disk that loses what it was to sync is like a loss of power.
          if disk.takeLoss() { world.note { $0 = $0.survivor(processesOnly: false) } }
          try world.open()
        }
        return try body()
      } catch let error as StoreError {
        errors += 1
        tries += 1
        guard disk.failureCount > 0 || hadFlippedBits else { throw Violation("without a failing disk: \(error)") }
        guard tries < 8 else { throw Violation("again and again: \(error)") }
        if error.kind == .corrupted, tries > 2, hasFlippedBits {
          // The bit was read in a bad moment: the error says that the store is to be rebuilt.
          world.letGo()
          try? world.setAside()
          rebuilds += 1
        }
        // What wasn't committed, or wasn't made, is tried again. All else begins anew.
        let canGoOn = [.unavailable, .outOfSpace, .overBudget].contains(error.kind) && tries == 1
        if !canGoOn || world.store == nil || world.local == nil { try? world.close() }
      }
    }
  }

  /// The next, after a crash so many steps ago, with that loss.
  func next(stepsAgo: Int, _ loss: CrashImages.Loss, hasStopped: Bool) throws -> Incarnation {
    let (trace, promises) = (disk.trace, world.promises)
    if !hasStopped {
      // What still runs goes nowhere: its files are not those of the image.
      disk.heal()
      try? world.close()
    }
    let step = max(firstStep, trace.steps.count - stepsAgo)
    var images = CrashImages(trace)
    while images.stepCount < step, images.advance() {}
    let left = promises.promise(at: step).survivor(processesOnly: loss == .nothing && !disk.takeLoss())
    let next = try Incarnation(
      scratch, world.settings, images.image(loss), left, after: loss == .nothing ? trace.prefix(step) : nil,
      recordedAt: roots)
    next.hadFlippedBits = hasFlippedBits
    if !hasStopped { try POSIXStorage().removeTree(root) }
    return next
  }
}

/// Runs things that may stop the program, by way of `abort`, and goes on where they do.
///
/// The thread that stops waits for ever; its locks and memory are lost. Only for programs that end soon.
package enum ProgramStop {
  @safe private final class Run: @unchecked Sendable {
    // Proof: the semaphore is made once and never destroyed, and may be used by any thread.
    let ended = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    let result = Mutex<Result<Void, any Error>?>(nil)

    init() { unsafe sem_init(ended, 0, 0) }
  }

  // Proof: written by the one thread that calls `run`, before the threads that may stop; a signal handler can take no lock.
  nonisolated(unsafe) private static var current: UnsafeMutablePointer<sem_t>?

  /// How many seconds something may take until it is taken for hung.
  private static let longestRun = 300

  /// From now on `abort` stops the calling thread instead of the program.
  package static func install() {
    signal(SIGABRT) { _ in
      if let ended = unsafe ProgramStop.current { unsafe sem_post(ended) }
      while true { pause() }
    }
  }

  /// Runs `body` on a thread of its own; `nil` if it, or what works for it, stopped.
  ///
  /// One call at a time.
  static func run(_ body: @escaping () throws -> Void) -> Result<Void, any Error>? {
    let run = Run()
    unsafe Self.current = run.ended
    // Proof: this thread waits until the other is done with it.
    nonisolated(unsafe) let body = body
    let thread = Thread {
      let result = Result { unsafe try body() }
      run.result.withLock { $0 = result }
      _ = unsafe sem_post(run.ended)
    }
    thread.stackSize = 8 << 20
    thread.start()
    var end = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &end)
    end.tv_sec += longestRun
    while unsafe sem_timedwait(run.ended, &end) != 0 {
      if errno == ETIMEDOUT { return .failure(Violation("nothing came back for \(longestRun) s")) }
    }
    return run.result.withLock { $0 }
  }
}
