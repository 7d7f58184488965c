/// The images that a crash can leave behind after a step of a trace.
///
/// Synced changes survive. Of the unsynced ones any part may: each file's writes and each directory's names
/// independently, in any order, torn at sectors of 512 bytes; a file may have its new length and not its new contents.
/// Only a sync of the directory makes a name survive. A rename survives as a whole or not at all.
package struct CrashImages: Sendable {
  /// The fate of unsynced changes.
  package enum Loss: Sendable, Hashable {
    /// Only processes died.
    case nothing
    /// All of it is lost.
    case everything
    /// Anything, by a seed.
    case some(seed: UInt64)
  }

  private enum Change {
    case write(at: Int, [UInt8])
    case truncate(to: Int)
  }

  /// A change of names that wasn't synced.
  private struct Naming {
    var sets: (directory: Inode, name: String, inode: Inode)?
    var removes: (directory: Inode, name: String)?

    func touches(_ directory: Inode) -> Bool { sets?.directory == directory || removes?.directory == directory }

    func apply(_ directories: inout [Inode: [String: Inode]]) {
      if let removes { directories[removes.directory]?[removes.name] = nil }
      if let sets { directories[sets.directory, default: [:]][sets.name] = sets.inode }
    }
  }

  /// The image that survives any crash.
  private var synced: DiskImage
  /// The image that processes see.
  private var seen: DiskImage
  private var changes: [Inode: [Change]] = [:]
  private var namings: [Naming] = []
  /// How many steps were taken.
  package private(set) var stepCount = 0
  private let steps: [DiskTrace.Step]

  package init(_ trace: DiskTrace) {
    synced = trace.start
    seen = trace.start
    steps = trace.steps
  }

  // MARK: Steps

  /// Takes the next step; `false` if there is none.
  package mutating func advance() -> Bool {
    guard stepCount < steps.count else { return false }
    take(steps[stepCount])
    stepCount += 1
    return true
  }

  private mutating func take(_ step: DiskTrace.Step) {
    switch step {
    case .createFile(let inode, let directory, let name):
      seen.files[inode] = []
      synced.files[inode] = []
      add(Naming(sets: (directory, name, inode)))
    case .createDirectory(let inode, let directory, let name):
      seen.directories[inode] = [:]
      synced.directories[inode] = [:]
      add(Naming(sets: (directory, name, inode)))
    case .link(let inode, let directory, let name): add(Naming(sets: (directory, name, inode)))
    case .unlink(let directory, let name): add(Naming(removes: (directory, name)))
    case .rename(let directory, let name, let target, let newName):
      guard let inode = seen.directories[directory]?[name] else { return }
      add(Naming(sets: (target, newName, inode), removes: (directory, name)))
    case .write(let inode, let position, let bytes): add(.write(at: position, bytes), to: inode)
    case .truncate(let inode, let size): add(.truncate(to: size), to: inode)
    case .sync(let inode):
      synced.files[inode] = seen.files[inode]
      changes[inode] = nil
    case .syncDirectory(let directory): sync(directory)
    }
  }

  private mutating func add(_ naming: Naming) {
    naming.apply(&seen.directories)
    namings.append(naming)
  }

  private mutating func add(_ change: Change, to inode: Inode) {
    Self.apply(change, &seen.files[inode, default: []])
    changes[inode, default: []].append(change)
  }

  private static func apply(_ change: Change, _ file: inout [UInt8]) {
    switch change {
    case .write(let position, let bytes):
      if file.count < position { file.append(contentsOf: repeatElement(0, count: position - file.count)) }
      let end = min(file.count, position + bytes.count)
      file.replaceSubrange(position..<end, with: bytes)
    case .truncate(let size):
      if size < file.count {
        file.removeLast(file.count - size)
      } else {
        file.append(contentsOf: repeatElement(0, count: size - file.count))
      }
    }
  }

  /// Makes a directory's names survive; with a file moved from another directory also the earlier changes there.
  private mutating func sync(_ directory: Inode) {
    var directories: Set<Inode> = [directory]
    var survives = [Bool](repeating: false, count: namings.count)
    for place in namings.indices.reversed() where directories.contains(where: namings[place].touches) {
      survives[place] = true
      if let sets = namings[place].sets { directories.insert(sets.directory) }
      if let removes = namings[place].removes { directories.insert(removes.directory) }
    }
    for (naming, survives) in zip(namings, survives) where survives { naming.apply(&synced.directories) }
    namings = zip(namings, survives).filter { !$0.1 }.map(\.0)
  }

  // MARK: Images

  /// Whether anything could be lost now.
  package var hasUnsynced: Bool { !namings.isEmpty || !changes.isEmpty }

  /// The image after a crash now.
  package func image(_ loss: Loss) -> DiskImage {
    switch loss {
    case .nothing: return seen
    case .everything: return synced
    case .some(let seed): return image(seed)
    }
  }

  private func image(_ seed: UInt64) -> DiskImage {
    var random = SeededGenerator(seed: seed)
    var image = synced
    // The first n changes of names, or any of them.
    let share = Double.random(in: 0...1, using: &random)
    let isPrefix = Bool.random(using: &random)
    let keepsAllNames = Int.random(in: 0..<4, using: &random) == 0
    for (place, naming) in namings.enumerated() {
      let survives =
        isPrefix ? Double(place) < share * Double(namings.count) : Double.random(in: 0..<1, using: &random) < share
      if survives || keepsAllNames { naming.apply(&image.directories) }
    }
    for (inode, pending) in changes.sorted(by: { $0.key.number < $1.key.number }) {
      image.files[inode] = survivors(of: pending, on: synced.files[inode] ?? [], seen.files[inode] ?? [], &random)
    }
    return image
  }

  private func survivors(
    of pending: [Change], on file: [UInt8], _ seen: [UInt8], _ random: inout SeededGenerator
  ) -> [UInt8] {
    var file = file
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return file
    case 1: return seen
    case 2:
      // The first n, the last of them torn.
      let count = Int.random(in: 0...pending.count, using: &random)
      for change in pending.prefix(count) { Self.apply(change, &file) }
      if count < pending.count, case .write(let position, let bytes) = pending[count] {
        let kept = Int.random(in: 0...bytes.count, using: &random)
        Self.apply(.write(at: position, Array(bytes.prefix(kept))), &file)
      }
    case 3:
      // The length reached the disk before the contents.
      if file.count < seen.count { file.append(contentsOf: repeatElement(0, count: seen.count - file.count)) }
      fallthrough
    default:
      // Any sectors, even later ones without earlier ones.
      let share = Double.random(in: 0...1, using: &random)
      for change in pending {
        guard case .write(let position, let bytes) = change else {
          if Bool.random(using: &random) { Self.apply(change, &file) }
          continue
        }
        var start = 0
        while start < bytes.count {
          let end = min(bytes.count, ((position + start) / 512 + 1) * 512 - position)
          if Double.random(in: 0..<1, using: &random) < share {
            Self.apply(.write(at: position + start, Array(bytes[start..<end])), &file)
          }
          start = end
        }
      }
    }
    return file
  }
}
