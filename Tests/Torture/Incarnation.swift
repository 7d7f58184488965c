internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// One life of a world, from one crash to the next, on a disk that fails now and then.
///
/// Follows the instructions of errors. If RocksDB stops the program (Debian's build has assertions, and a failed read
/// can trigger some of them), that counts as a crash like any other: the thread never continues, and the next life
/// begins with the files on the disk.
final class Incarnation {
  /// Each life of a process has a directory of its own, because a stopped life keeps its locks.
  private static let lastNumber = Mutex(0)

  private let scratch: String
  private let root: String
  /// All directories in which its files were recorded, life after life.
  private let roots: [String]
  /// The index of its own first step in the disk's trace.
  private let firstStep: Int
  let disk: Disk
  let world: World
  /// Whether a read has returned a flipped bit, in this life or an earlier one: the consequences may be on the disk.
  private var hasFlippedBits: Bool { disk.hasFlippedBits || hadFlippedBits }
  private var hadFlippedBits = false
  private(set) var errors = 0
  private(set) var reopens = 0
  private(set) var rebuilds = 0

  /// The first life, with an empty disk.
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

  /// Repeats something until it is done, reopening stores that can't continue; `false` if the program stopped.
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
          // A failed sync that loses its data is like a loss of power.
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
          // The bit was flipped at a moment after which only a rebuild helps, as the error says.
          world.letGo()
          try? world.setAside()
          rebuilds += 1
        }
        // After these errors the same store can try again once; after any other error it is reopened.
        let canGoOn = [.unavailable, .outOfSpace, .overBudget].contains(error.kind) && tries == 1
        if !canGoOn || world.store == nil || world.local == nil { try? world.close() }
      }
    }
  }

  /// The next life, after a crash `stepsAgo` steps ago with this loss.
  func next(stepsAgo: Int, _ loss: CrashImages.Loss, hasStopped: Bool) throws -> Incarnation {
    let (trace, promises) = (disk.trace, world.promises)
    if !hasStopped {
      // Work still in progress has no effect: its files are not those of the image.
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

/// Runs code that may stop the program by calling `abort`, and continues when it does.
///
/// The thread that stops waits for ever; its locks and memory are lost. Use only in programs that end soon.
package enum ProgramStop {
  @safe private final class Run: @unchecked Sendable {
    // Proof: the semaphore is made once and never destroyed, and may be used by any thread.
    let ended = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    let result = Mutex<Result<Void, any Error>?>(nil)

    init() { unsafe sem_init(ended, 0, 0) }
  }

  // Proof: written by the one thread that calls `run`, before the threads that may stop; a signal handler can take no lock.
  nonisolated(unsafe) private static var current: UnsafeMutablePointer<sem_t>?

  /// Seconds after which a run is considered hung.
  private static let longestRun = 300

  /// From now on `abort` stops the calling thread instead of the program.
  package static func install() {
    signal(SIGABRT) { _ in
      if let ended = unsafe ProgramStop.current { unsafe sem_post(ended) }
      while true { pause() }
    }
  }

  /// Runs `body` on a thread of its own; `nil` if that thread, or one that works for it, stopped.
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
