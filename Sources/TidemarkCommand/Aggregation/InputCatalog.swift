import Foundation
import RowInput
import Tidemark

/// The inputs that a state has read; recognizes an input under another name.
///
/// Contents identify a file: the checksum of the bytes read so far must be that of the file's first bytes. The path,
/// the device and the inode select the inputs to compare with.
struct InputCatalog {
  typealias InputProgress = AggregationState.InputProgress

  /// What to do about a file that can't be identified for certain.
  enum Doubt {
    /// It is an error, which names the ways out.
    case refused
    /// It is another file, as after a log was rotated.
    case otherFile
    /// It is the file that was read before, under another name.
    case sameFile
  }

  /// What an input turned out to be.
  struct Entry {
    /// The input's key in the state.
    var key: String
    var progress: InputProgress
    /// The input's former key in the state, if that was another.
    var formerKey: String?
  }

  private let doubt: Doubt
  /// By the bytes of their keys: `String` treats two spellings of é as equal.
  private var inputs: [[UInt8]: (key: String, progress: InputProgress)] = [:]
  private var keysByInode: [Inode: String] = [:]
  /// The keys of inputs, by the number of checked first bytes and their checksum.
  private var keysByStart: [Int: [UInt32: [String]]] = [:]
  private var gone: [[UInt8]: Bool] = [:]
  private var nextPartition: Int32 = 0
  /// Inputs that have a new key from now on; the next commit writes it.
  private(set) var moved: [(from: String, to: String)] = []
  /// How many bytes were read of all inputs.
  private(set) var totalBytes: Int

  private struct Inode: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  /// Reads the catalog of a state: O(inputs).
  init(_ view: Snapshot, doubt: Doubt) throws {
    self.doubt = doubt
    totalBytes = Int(view.position[Self.partition]?.value ?? 0)
    var bytes = 0
    var cursor = try view.scan(AggregationState.inputs)
    while let (key, progress) = try cursor.next() {
      set(progress, key)
      bytes += progress.bytes
    }
    totalBytes = max(totalBytes, bytes)
  }

  /// The partition of the position in each commit: all inputs count as one, so that more inputs take no more space.
  static var partition: TopicPartition { TopicPartition("input", 0) }

  /// The greatest number of a pipe's log, even if the log was deleted.
  var lastLogNumber: Int { inputs.values.compactMap { InputLog.number(ofKey: $0.key) }.max() ?? 0 }

  /// The logs of pipes that weren't read to their end, and how many bytes of each were read.
  var unfinishedLogs: [(number: Int, bytes: Int)] {
    inputs.values.compactMap { key, progress in
      guard progress.hasEnded != true, let number = InputLog.number(ofKey: key) else { return nil }
      return (number, progress.bytes)
    }.sorted { $0.number < $1.number }
  }

  /// How far the input with this key was read.
  func progress(_ key: String) -> InputProgress? { inputs[Array(key.utf8)]?.progress }

  /// Records a committed entry; the ``moved`` inputs are committed with it.
  mutating func committed(_ entry: Entry, bytesBefore: Int) {
    moved = []
    if let former = entry.formerKey { remove(former) }
    set(entry.progress, entry.key)
    totalBytes += entry.progress.bytes - bytesBefore
  }

  private mutating func set(_ progress: InputProgress, _ key: String) {
    let former = inputs.updateValue((key, progress), forKey: Array(key.utf8))?.progress
    nextPartition = max(nextPartition, progress.partition + 1)
    guard let attributes = progress.attributes else { return }
    keysByInode[Inode(device: attributes.device, inode: attributes.inode)] = key
    if let former, former.checkedBytes == progress.checkedBytes, former.checksum == progress.checksum { return }
    keysByStart[progress.checkedBytes, default: [:]][progress.checksum, default: []].append(key)
  }

  private mutating func remove(_ key: String) {
    guard let attributes = inputs.removeValue(forKey: Array(key.utf8))?.progress.attributes else { return }
    let inode = Inode(device: attributes.device, inode: attributes.inode)
    if keysByInode[inode] == key { keysByInode[inode] = nil }
  }

  // MARK: Knowing a file again

  /// Finds out which input a file is.
  mutating func entry(for input: InputFile) throws -> Entry {
    if let known = progress(input.key) {
      if input.log != nil { return Entry(key: input.key, progress: known) }
      if try isStart(known, of: input) {
        // Another file may begin with the same rows; then the one that was read lies beside it.
        guard let sibling = try rotatedSibling(of: input, known) else {
          return Entry(key: input.key, progress: known)
        }
        try move(known, from: input.key, to: sibling)
      } else {
        try makeWay(for: input, known)
      }
    }
    if let (key, known) = try inputElsewhere(input) {
      return Entry(key: input.key, progress: known, formerKey: key)
    }
    return Entry(
      key: input.key,
      progress: InputProgress(partition: nextPartition, bytes: 0, line: 1, record: 1, checkedBytes: 0, checksum: 0))
  }

  /// Whether a file begins with the bytes that were read of an input.
  private func isStart(_ known: InputProgress, of input: InputFile) throws -> Bool {
    guard let attributes = input.attributes, attributes.bytes >= known.bytes else { return false }
    let head = try ContentChecksum.ofStart(of: input.path, byteCount: known.checkedBytes)
    guard head.byteCount == known.checkedBytes, head.crc == known.checksum else { return false }
    // A state of an older version has no checksum of all bytes.
    guard let crc = known.contentChecksum, known.bytes > known.checkedBytes else { return true }
    if attributes == known.attributes { return true }
    let content = try ContentChecksum.ofStart(of: input.path, byteCount: known.bytes)
    return content.byteCount == known.bytes && content.crc == crc
  }

  /// Gives the key of an input to the file that has taken its path, or throws.
  private mutating func makeWay(for input: InputFile, _ known: InputProgress) throws {
    let sibling = try rotatedSibling(of: input, known)
    guard sibling != nil || doubt == .otherFile else {
      throw InputError(
        .changedFile(
          "it doesn't begin with the \(known.bytes) bytes that were read of it. If it is another file that has taken"
            + " this name, as a rotated log has, run the same command again with --rotated; if its rows were corrected,"
            + " aggregate it into another --state"),
        file: input.path)
    }
    try move(known, from: input.key, to: sibling)
  }

  /// Gives an input another key: its file's present path or, if that is unknown, a key that is no path.
  ///
  /// An input that already has the new key is moved on first, as when rotated logs are numbered.
  private mutating func move(_ known: InputProgress, from key: String, to path: String?) throws {
    remove(key)
    // A path begins with a slash.
    let target = path ?? "moved:\(known.partition):\(key)"
    if let path, let next = progress(path) {
      try move(next, from: path, to: try rotatedSibling(of: InputFile(path), next))
    }
    set(known, target)
    gone[Array(target.utf8)] = path == nil
    moved.append((from: key, to: target))
  }

  /// The present path of a file whose name another has taken: in the same directory, with its inode and contents.
  private func rotatedSibling(of input: InputFile, _ known: InputProgress) throws -> String? {
    guard let former = known.attributes, input.attributes?.isSameFile(as: former) != true else { return nil }
    let directory = (input.key as NSString).deletingLastPathComponent
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      let candidate = InputFile(directory + "/" + name)
      guard candidate.attributes?.isSameFile(as: former) == true else { continue }
      if try isStart(known, of: candidate) { return candidate.key }
    }
    return nil
  }

  /// An input that this file was under another name.
  private mutating func inputElsewhere(_ input: InputFile) throws -> (key: String, progress: InputProgress)? {
    guard input.log == nil, let attributes = input.attributes else { return nil }
    let inode = Inode(device: attributes.device, inode: attributes.inode)
    if let key = keysByInode[inode], let known = progress(key), try isStart(known, of: input) { return (key, known) }
    // A state of an older version has the paths of links as keys.
    let path = URL(fileURLWithPath: input.path).standardizedFileURL.path
    if let known = progress(path), known.attributes == nil, try isStart(known, of: input) { return (path, known) }
    // While the first file is in its place, a copy is another input; once that file is gone, it may be this one.
    for (count, keys) in keysByStart where count > 0 && count <= attributes.bytes {
      let start = try ContentChecksum.ofStart(of: input.path, byteCount: count)
      for key in start.byteCount == count ? keys[start.crc] ?? [] : [] where try isGone(key) {
        // If no row was read, none can count twice.
        guard let known = progress(key), known.record > 1, try isStart(known, of: input) else { continue }
        if doubt == .otherFile { continue }
        if doubt == .sameFile { return (key, known) }
        throw InputError(
          .changedFile(
            "it begins with the same \(known.bytes) bytes as \(key), which was read and is gone. If it is that file, run"
              + " the same command again with --moved, and only its new rows count; if it is another, with --rotated"),
          file: input.path)
      }
    }
    return nil
  }

  /// Whether an input's path has no file with its contents any more; checked once per run.
  private mutating func isGone(_ key: String) throws -> Bool {
    let bytes = Array(key.utf8)
    if let known = gone[bytes] { return known }
    let isGone = try FileAttributes(key) == nil || progress(key).map { try !isStart($0, of: InputFile(key)) } ?? true
    gone[bytes] = isGone
    return isGone
  }
}
