internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// Crashes after every step of a recorded history, and after some steps of some recoveries from these crashes.
///
/// Each crash gives several images (``CrashImages``). Each image is opened and compared with the promises; then work
/// continues there, is finished, and compared again.
package struct CrashSweep: Sendable {
  /// A crash: the step of the history that it follows, and its loss; then, in the recovery from it, another such crash.
  package struct Crash: Sendable, CustomStringConvertible {
    var step: Int
    var loss: CrashImages.Loss
    var image: DiskImage
    var promise: Promise
    /// Where the history was recorded.
    var roots: [String]
    /// The steps up to the crash.
    var trace: DiskTrace

    /// The promises that must survive the crash.
    var survivor: Promise { promise.survivor(processesOnly: loss == .nothing) }

    package var description: String { "a crash after step \(step), losing \(loss)" }
  }

  /// The counters of the sweep.
  package struct Tally: Sendable {
    /// Images that were opened, checked and worked on.
    package var images = 0
    /// Those of a crash during the recovery from another.
    package var imagesOfRecoveries = 0
    /// The images by fingerprint: they are distinct.
    package var fingerprints: Set<UInt64> = []

    package init() {}

    package mutating func add(_ other: Tally) {
      images += other.images
      imagesOfRecoveries += other.imagesOfRecoveries
      fingerprints.formUnion(other.fingerprints)
    }
  }

  /// The actions to record.
  let actions: [Action]
  let settings: World.Settings
  /// The images with random losses at each step, besides one that loses nothing and one that loses everything.
  package var randomImages = 2
  /// One recovery in `recoveryShare` is recorded and crashed in turn.
  package var recoveryShare = 8
  /// The steps of such a recovery that are crashed.
  package var recoveryCuts = 4
  package var seed: UInt64
  /// The directory in which images are made.
  let scratch: String

  /// A sweep over ``Action/script``, or with `isRandom` over a history drawn from the seed.
  package init(seed: UInt64, isRandom: Bool = false, in scratch: String) {
    self.seed = seed
    self.scratch = scratch
    if isRandom {
      var random = SeededGenerator(seed: seed)
      settings = .random(using: &random)
      actions = (0..<30).map { _ in .random(using: &random) }
    } else {
      settings = World.Settings()
      actions = Action.script
    }
  }

  // MARK: Recording

  /// A recorded history.
  package struct Recording: Sendable {
    let trace: DiskTrace
    let promises: Promises
    let root: String

    package var stepCount: Int { trace.steps.count }
  }

  /// Runs the history once on a recording disk.
  package func record() throws -> Recording {
    let root = scratch + "/recorded"
    try POSIXStorage().removeTree(root)
    try POSIXStorage().makeDirectory(root)
    let disk = Disk(recording: root, syncs: false)
    let world = World(root, disk, settings)
    try world.open()
    for action in actions { try world.perform(action) }
    try world.close()
    let recording = Recording(trace: disk.trace, promises: world.promises, root: root)
    // The recorded steps must lead to the files on the disk.
    var images = CrashImages(recording.trace)
    while images.advance() {}
    let (traced, found) = (images.image(.nothing), try DiskImage(of: root))
    guard traced.fingerprint == found.fingerprint else {
      let difference = Set(traced.listing).symmetricDifference(found.listing).sorted()
      throw Violation("the trace doesn't lead to what is on the disk: \(difference)")
    }
    return recording
  }

  // MARK: Crashing

  /// Crashes after every step of one of `count` parts of the trace, or after every `stride`th step of that part.
  ///
  /// Calls `report` after each step with the counters since the last call; `false` from it ends the sweep.
  package func run(
    _ recording: Recording, part: Int = 0, of count: Int = 1, stride: Int = 1, _ report: (Tally) -> Bool
  ) throws {
    // The first image precedes the first step.
    let total = recording.stepCount + 1
    let steps = total * part / count..<total * (part + 1) / count
    var seen = Seen()
    var images = CrashImages(recording.trace)
    var random = SeededGenerator(seed: seed &+ UInt64(part) &* 1_000_003)
    repeat {
      let step = images.stepCount
      guard steps.contains(step), step % stride == 0 else { continue }
      var tally = Tally()
      let promise = recording.promises.promise(at: step)
      for loss in losses(images.hasUnsynced, &random) {
        let crash = Crash(
          step: step, loss: loss, image: images.image(loss), promise: promise, roots: [recording.root],
          trace: recording.trace)
        let isNew = seen.insert(crash)
        guard isNew.main || isNew.local else { continue }
        try run(crash, isNew, in: "\(scratch)/image-\(part)", &random, &tally)
      }
      if !report(tally) { return }
    } while images.stepCount < steps.upperBound && images.advance()
  }

  /// The crashes already checked: the same files under the same promises aren't checked again.
  private struct Seen {
    private struct Part: Hashable {
      var fingerprint: UInt64
      var begun: Int
      var acknowledged: Int
      var stored: Offset
      var epoch: Int32
      var checkpoints: Int
    }

    private var main: Set<Part> = []
    private var local: Set<Part> = []

    /// Returns for which of the stores a crash is new.
    mutating func insert(_ crash: Crash) -> (main: Bool, local: Bool) {
      let promise = crash.survivor
      func part(_ store: StorePromise, isLocal: Bool) -> Part {
        Part(
          fingerprint: crash.image.fingerprint { $0.hasPrefix("/local") == isLocal }, begun: store.begun,
          acknowledged: store.acknowledged, stored: store.stored, epoch: isLocal ? 0 : promise.epoch,
          checkpoints: isLocal ? 0 : promise.checkpoints.count)
      }
      return (
        main.insert(part(promise.main, isLocal: false)).inserted,
        local.insert(part(promise.local, isLocal: true)).inserted
      )
    }
  }

  private func losses(_ hasUnsynced: Bool, _ random: inout SeededGenerator) -> [CrashImages.Loss] {
    guard hasUnsynced else { return [.nothing] }
    return [.nothing, .everything] + (0..<randomImages).map { _ in .some(seed: random.next()) }
  }

  /// Opens an image, checks it and works there; now and then crashes on the way.
  private func run(
    _ crash: Crash, _ checks: (main: Bool, local: Bool), in root: String, isOfRecovery: Bool = false,
    _ random: inout SeededGenerator, _ tally: inout Tally
  ) throws {
    tally.fingerprints.insert(crash.image.fingerprint)
    let isCut = !isOfRecovery && Int.random(in: 0..<recoveryShare, using: &random) == 0
    let image = try crash.image.write(to: root, inPlaceOf: crash.roots)
    // A power loss can still take the writes that survived the death of the process.
    let history = isCut && crash.loss == .nothing ? crash.trace.prefix(crash.step) : nil
    let disk = Disk(recording: root, over: image, after: history, syncs: false)
    let world = World(root, disk, settings, crash.survivor)
    do {
      if checks.main {
        if Int.random(in: 0..<4, using: &random) == 0 { try world.checkStoredImage() }
        try world.openMain()
        try world.checkCheckpoints()
      }
      if checks.local { try world.openLocal() }
      try goOn(world, &random)
    } catch {
      throw Violation("\(crash): \(error); the image is in \(root)")
    }
    tally.images += 1
    if isOfRecovery { tally.imagesOfRecoveries += 1 }
    if isCut {
      try cut(disk.trace, from: history?.steps.count ?? 0, world.promises, of: crash, in: root, &random, &tally)
    }
  }

  /// Works on, closes the stores, reopens them, and checks that no commit is gone.
  private func goOn(_ world: World, _ random: inout SeededGenerator) throws {
    try world.perform(.commit(records: 3, valueBytes: 20))
    try world.perform(.commitLocally(records: 2, valueBytes: 20))
    switch Int.random(in: 0..<12, using: &random) {
    case 0: try world.perform(.checkpoint)
    case 1: try world.perform(.flush)
    case 2: try world.verify()
    case 3: try world.perform(.commit(records: 150, valueBytes: 100))
    case 4: try world.perform(.restorePast)
    case 5: try world.perform(.rebuild)
    default: break
    }
    let (hasMain, hasLocal) = (world.store != nil, world.local != nil)
    try world.close()
    if hasMain { try world.openMain() }
    if hasLocal { try world.openLocal() }
    if hasMain {
      try world.expect(world.promise.main.acknowledged == world.promise.main.begun, "a commit is gone")
    }
    try world.close()
  }

  /// Crashes during a recovery whose steps begin after `first`.
  private func cut(
    _ trace: DiskTrace, from first: Int, _ promises: Promises, of crash: Crash, in root: String,
    _ random: inout SeededGenerator, _ tally: inout Tally
  ) throws {
    guard first < trace.steps.count else { return }
    let steps = Set((0..<recoveryCuts).map { _ in Int.random(in: first + 1...trace.steps.count, using: &random) })
    var images = CrashImages(trace)
    while images.advance() {
      guard steps.contains(images.stepCount) else { continue }
      let loss = losses(images.hasUnsynced, &random).randomElement(using: &random)!
      let second = Crash(
        step: images.stepCount, loss: loss, image: images.image(loss), promise: promises.promise(at: images.stepCount),
        roots: crash.roots + [root], trace: trace)
      do {
        try run(second, (main: true, local: true), in: root + "-again", isOfRecovery: true, &random, &tally)
      } catch let error as Violation {
        throw Violation("\(crash), then \(error)")
      }
    }
  }
}
