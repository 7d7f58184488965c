internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// Damages the files of a closed state, one per try, and checks the outcome.
///
/// Two outcomes are allowed: right data; or an error that names the remedy, and right data after that remedy. If
/// RocksDB stops the program because of bytes that it reads, the next start must do the same as after an error.
package struct DamageSweep: Sendable {
  /// The role of a file in the state.
  package enum FileKind: String, Sendable, Codable, CaseIterable {
    case segment, offsetIndex, timeIndex, epochs, recoveryPoint, logStart, partitionMetadata, writerLock
    case head, base, storeLock
    case tableFile, manifest, current, options, identity

    init?(_ path: String) {
      let name = path.split(separator: "/").last ?? ""
      let isInLog = path.hasPrefix("/log/")
      switch name {
      case "leader-epoch-checkpoint": self = .epochs
      case "recovery-point-offset-checkpoint": self = .recoveryPoint
      case "log-start-offset-checkpoint": self = .logStart
      case "partition.metadata": self = .partitionMetadata
      case "writer.lock": self = .writerLock
      case "HEAD": self = .head
      case "BASE": self = .base
      case "LOCK": self = .storeLock
      case "CURRENT": self = .current
      case "IDENTITY": self = .identity
      case _ where isInLog && name.hasSuffix(".log"): self = .segment
      case _ where name.hasSuffix(".index"): self = .offsetIndex
      case _ where name.hasSuffix(".timeindex"): self = .timeIndex
      case _ where name.hasSuffix(".sst"): self = .tableFile
      case _ where name.hasPrefix("MANIFEST-"): self = .manifest
      case _ where name.hasPrefix("OPTIONS-"): self = .options
      // RocksDB's own write-ahead log, which is always empty.
      default: return nil
      }
    }

    /// Whether the store can be rebuilt without it.
    var isOfDatabase: Bool {
      switch self {
      case .head, .tableFile, .manifest, .current, .options, .identity: true
      default: false
      }
    }
  }

  /// A change made to a file.
  enum Damage: Sendable, CustomStringConvertible {
    case flipped(bit: Int)
    case zeroed(Range<Int>)
    case truncated(to: Int)
    case extended([UInt8])
    case swapped(with: String)
    case deleted

    var description: String {
      switch self {
      case .flipped(let bit): "bit \(bit & 7) of byte \(bit >> 3) flipped"
      case .zeroed(let range): "bytes \(range) zeroed"
      case .truncated(let size): "truncated to \(size)"
      case .extended(let bytes): "extended by \(bytes.count)"
      case .swapped(let other): "swapped with \(other)"
      case .deleted: "deleted"
      }
    }
  }

  /// The result of a try.
  package enum Outcome: String, Sendable, Codable, CaseIterable {
    /// All data is there.
    case right
    /// An error; rebuilt from the changelog, all data is there.
    case rebuilt
    /// An error; with the file put back, all data is there.
    case putBack
    /// RocksDB stopped the program; rebuilt or with the file put back, all data is there.
    case stopped

    /// The name in figures.
    package var name: String { self == .putBack ? "put back" : rawValue }
  }

  /// The counters of the sweep.
  package struct Tally: Sendable, Codable {
    /// The number of tries by kind of file and outcome.
    package var outcomes: [FileKind: [Outcome: Int]] = [:]

    package init() {}

    package var files: Int { outcomes.values.reduce(0) { $0 + $1.values.reduce(0, +) } }

    package func count(of outcome: Outcome) -> Int { outcomes.values.reduce(0) { $0 + ($1[outcome] ?? 0) } }

    package mutating func add(_ other: Tally) {
      outcomes.merge(other.outcomes) { $0.merging($1, uniquingKeysWith: +) }
    }
  }

  /// Files up to this size get one flipped bit in each byte; larger files get some.
  private static let smallFileBytes = 300
  private static let sectorBytes = 512

  private let scratch: String
  private let seed: UInt64
  private let settings = World.Settings()

  private let kinds: [FileKind]

  package init(seed: UInt64, kinds: [FileKind] = FileKind.allCases, in scratch: String) {
    self.seed = seed
    self.kinds = kinds
    self.scratch = scratch
  }

  // MARK: The state

  /// A closed state: its files, what it promises, and where it was made.
  package struct Original: Sendable {
    var image: DiskImage
    let promise: Promise
    let root: String
    /// The files that are damaged.
    let paths: [(path: String, kind: FileKind)]
  }

  /// Makes a state with all kinds of files: several segments, a checkpoint below which the changelog was deleted,
  /// tables in several table files, one of them compacted.
  package func makeOriginal() throws -> Original {
    let root = scratch + "/original"
    try POSIXStorage().removeTree(root)
    try POSIXStorage().makeDirectory(root)
    let world = World(root, Disk(syncs: false), settings)
    try world.openMain()
    let actions: [Action] = [
      .commit(records: 150, valueBytes: 60), .flush, .commit(records: 80, valueBytes: 100), .checkpoint,
      .deleteChangelog, .commit(records: 120, valueBytes: 100), .flush, .commit(records: 200, valueBytes: 60),
      .commit(records: 5, valueBytes: 2000), .flush, .commit(records: 30, valueBytes: 20),
    ]
    for action in actions { try world.perform(action) }
    try world.close()
    let image = try DiskImage(of: root)
    let paths = image.paths.compactMap { path in
      path.hasPrefix("/log/") || path.hasPrefix("/store/") ? FileKind(path).map { (path, $0) } : nil
    }.filter { kinds.contains($0.1) }
    return Original(image: image, promise: world.promise, root: root, paths: paths)
  }

  // MARK: Damaging

  /// Does one of `count` parts of the certain damages, and then random damages by the seed.
  ///
  /// Calls `report` after each try; `false` from it ends the sweep.
  package func run(_ original: Original, part: Int = 0, of count: Int = 1, _ report: (Tally) -> Bool) throws {
    var random = SeededGenerator(seed: seed)
    // Shuffled, so that the first tries cover all kinds.
    let tries = original.paths.flatMap { (path, kind) in
      certain(path, kind, original).map { (path: path, kind: kind, damage: $0) }
    }.shuffled(using: &random)
    for (number, next) in tries.enumerated() where number % count == part {
      if !report(try outcome(of: next.damage, next.path, next.kind, original)) { return }
    }
    random = SeededGenerator(seed: seed &+ UInt64(part) &* 1_000_003)
    while true {
      let (path, kind) = original.paths.randomElement(using: &random)!
      let damage = any(path, original, &random)
      if !report(try outcome(of: damage, path, kind, original)) { return }
    }
  }

  /// The damages that each file gets for certain.
  private func certain(_ path: String, _ kind: FileKind, _ original: Original) -> [Damage] {
    let size = original.image[path]?.count ?? 0
    let others = original.paths.filter { $0.kind == kind && $0.path != path }
    var damages: [Damage] = [.deleted, .extended([0]), .extended([UInt8](repeating: 0, count: 4096))]
    damages += others.map { .swapped(with: $0.path) }
    if size == 0 { return damages }
    damages += [.truncated(to: 0), .truncated(to: size / 2), .truncated(to: size - 1), .zeroed(0..<size)]
    damages += stride(from: 0, to: size, by: Self.sectorBytes).map { .zeroed($0..<min(size, $0 + Self.sectorBytes)) }
    let positions =
      size <= Self.smallFileBytes ? Array(0..<size) : Array(0..<64) + Array(size - 64..<size)
    return damages + positions.map { .flipped(bit: $0 << 3 | $0 % 8) }
  }

  private func any(_ path: String, _ original: Original, _ random: inout SeededGenerator) -> Damage {
    let size = original.image[path]?.count ?? 0
    if size == 0 || Int.random(in: 0..<20, using: &random) == 0 {
      return .extended((0..<Int.random(in: 1...1000, using: &random)).map { _ in .random(in: 0...255, using: &random) })
    }
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return .truncated(to: Int.random(in: 0..<size, using: &random))
    case 1:
      let begin = Int.random(in: 0..<size, using: &random)
      return .zeroed(begin..<Int.random(in: begin...size, using: &random))
    default: return .flipped(bit: Int.random(in: 0..<size * 8, using: &random))
    }
  }

  private func damaged(_ image: DiskImage, _ path: String, _ damage: Damage) -> DiskImage {
    var image = image
    var bytes = image[path] ?? []
    switch damage {
    case .flipped(let bit): bytes[bit >> 3] ^= 1 << (bit & 7)
    case .zeroed(let range): for position in range { bytes[position] = 0 }
    case .truncated(let size): bytes.removeLast(bytes.count - size)
    case .extended(let more): bytes += more
    case .swapped(let other): (bytes, image[other]) = (image[other] ?? [], bytes)
    case .deleted:
      image[path] = nil
      return image
    }
    image[path] = bytes
    return image
  }

  // MARK: Looking

  private func outcome(
    of damage: Damage, _ path: String, _ kind: FileKind, _ original: Original
  ) throws -> Tally {
    let root = newDirectory()
    do {
      let image = damaged(original.image, path, damage)
      _ = try image.write(to: root, inPlaceOf: [original.root])
      var tally = Tally()
      tally.outcomes[kind] = [try outcome(in: root, path, kind, damage, original): 1]
      try POSIXStorage().removeTree(root)
      return tally
    } catch {
      throw Violation("\(path), \(damage): \(error); the files are in \(root)")
    }
  }

  /// A new name each time, because a stopped program keeps its locks.
  private func newDirectory() -> String { "\(scratch)/\(UInt64.random(in: 0 ... .max))" }

  /// Repairs the reported damage, which must succeed; returns how.
  private func mend(
    _ root: String, _ path: String, _ kind: FileKind, _ damage: Damage, _ original: Original
  ) throws -> Outcome {
    var paths = [path]
    if case .swapped(let other) = damage { paths.append(other) }
    // A checkpoint on the same disk shares table files, so the store can't be rebuilt from it if they are damaged.
    let names = paths.map { original.image.names(ofFileAt: $0) }
    let isRebuilt = kind.isOfDatabase && names.allSatisfy { $0.count == 1 }
    let result = ProgramStop.run { isRebuilt ? try rebuild(root, original) : try putBack(names, root, original) }
    guard let result else { throw Violation("the program stopped after what is to be done about the damage") }
    try result.get()
    return isRebuilt ? .rebuilt : .putBack
  }

  private func outcome(
    in root: String, _ path: String, _ kind: FileKind, _ damage: Damage, _ original: Original
  ) throws -> Outcome {
    let world = World(root, Disk(syncs: false), settings, original.promise)
    switch ProgramStop.run({ try look(at: world) }) {
    case nil:
      let next = newDirectory()
      _ = try DiskImage(of: root).write(to: next, inPlaceOf: [root])
      _ = try mend(next, path, kind, damage, original)
      try POSIXStorage().removeTree(next)
      return .stopped
    case .success: return .right
    case .failure(let error as StoreError):
      world.letGo()
      try check(error, path, kind, damage)
      return try mend(root, path, kind, damage, original)
    case .failure(let error): throw error
    }
  }

  /// Opens, compares, replays, works on, and compares again.
  private func look(at world: World) throws {
    try world.openMain()
    try world.verify()
    try world.perform(.commit(records: 3, valueBytes: 20))
    try world.close()
    try world.openMain()
    try world.expect(world.promise.main.acknowledged == world.promise.main.begun, "a commit is gone")
    try world.close()
  }

  /// An error names the file, or the store to rebuild.
  private func check(_ error: StoreError, _ path: String, _ kind: FileKind, _ damage: Damage) throws {
    let text = "\(error)"
    func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }
    // A different identity may correctly be reported as another changelog's.
    if kind == .partitionMetadata, error.kind == .wrongChangelog { return }
    let directory = path.dropLast(name(path).count + 1)
    let isNamed =
      switch damage {
      case .deleted: text.contains(name(path)) || text.contains(directory)
      case .swapped(let other): text.contains(name(path)) || text.contains(name(other))
      default: text.contains(name(path))
      }
    guard isNamed || (kind.isOfDatabase && text.contains("rebuild")) else {
      throw Violation("the error names neither the file nor what to do: \(text)")
    }
  }

  private func rebuild(_ root: String, _ original: Original) throws {
    let world = World(root, Disk(syncs: false), settings, original.promise)
    try world.setAside()
    try look(at: world)
  }

  /// Puts files back, each under all of its names.
  private func putBack(_ files: [[String]], _ root: String, _ original: Original) throws {
    let storage = POSIXStorage()
    for names in files {
      guard let path = names.first, var bytes = original.image[path] else { continue }
      for name in names { try storage.unlink(root + name) }
      guard let file = try storage.open(root + path, .create) else { continue }
      if path.hasSuffix("/BASE"), let text = String(validating: bytes, as: UTF8.self) {
        bytes = Array(text.replacingOccurrences(of: original.root + "/", with: root + "/").utf8)
      }
      try file.writeAll(bytes.rawSpan, at: 0)
      for name in names.dropFirst() { _ = try storage.link(root + path, as: root + name) }
    }
    try look(at: World(root, Disk(syncs: false), settings, original.promise))
  }
}
