internal import Changelog
internal import Foundation

/// Writes one value, or the inside of one container that its encoder asked for by itself.
///
/// Values are written one behind the other as their types encode them: a frame for each that is being encoded, the
/// innermost last. Only a nested container may be written later than its siblings, so it has a writer of its own, whose
/// bytes are put in place when the frame around it ends.
final class CompactWriter {
  // Unchecked here and below. Proof: `Encoder` isn't `Sendable`, so one thread at a time uses a writer, and no method calls
  // a user's code while it has a property to itself.
  @safe @exclusivity(unchecked) var bytes = ByteWriter(capacity: 16)
  @safe @exclusivity(unchecked) private var frames: [Frame] = []
  @safe @exclusivity(unchecked) private var nested: [(position: Int, writer: CompactWriter)] = []
  @safe @exclusivity(unchecked) private var lastID: UInt32 = 0
  @safe @exclusivity(unchecked) private var depth = 0
  @safe @exclusivity(unchecked) private var failure: StoreError?

  private struct Frame {
    enum Content { case nothing, item, array, map }

    var id: UInt32
    var content = Content.nothing
    /// Whether entries may come in any order, and are sorted at the end.
    var isUnordered = false
    var start: Int
    var count = 0
    /// Where the key of the last entry starts.
    var keyAt = 0
  }

  /// A frame, as encoders and containers know it: all but the innermost are refused, and those that have ended.
  struct Place {
    let writer: CompactWriter
    let index: Int32
    let id: UInt32
  }

  private func push() -> Place {
    lastID &+= 1
    frames.append(Frame(id: lastID, start: bytes.count))
    return Place(writer: self, index: Int32(frames.count - 1), id: lastID)
  }

  @inline(__always)
  func holds(_ place: Place) -> Bool {
    let index = Int(place.index)
    return index >= 0 && index == frames.count - 1 && frames[index].id == place.id
  }

  private func check(_ place: Place) throws(StoreError) {
    guard holds(place) else {
      throw failure
        ?? StoreError(.invalidArgument, "a value was encoded after its container, or in a container of another kind")
    }
  }

  /// Throws what couldn't be thrown where a container was asked for.
  func checkWhole() throws(StoreError) { if let failure { throw failure } }

  // MARK: Containers

  /// Makes an array or a map of the value in `place`; an encoder may ask for one again, and gets the same.
  func open(_ place: Place, _ first: UInt8, isUnordered: Bool = false) -> Place {
    let nothing = Place(writer: self, index: -1, id: 0)
    guard holds(place) else { return nothing }
    let content: Frame.Content = first == CompactFormat.map ? .map : .array
    let index = Int(place.index)
    if frames[index].content == .nothing {
      depth += 1
      if depth > CompactFormat.greatestDepth {
        failure = StoreError(.invalidArgument, "a value is nested too deeply", ["limit": CompactFormat.greatestDepth])
      }
      frames[index].content = content
      bytes.append(first)
    }
    guard frames[index].content == content, failure == nil else { return nothing }
    if isUnordered { frames[index].isUnordered = true }
    return place
  }

  /// Begins an entry of a map.
  @inline(__always)
  func key(_ name: String, in place: Place) throws(StoreError) {
    try check(place)
    frames[Int(place.index)].keyAt = bytes.count
    text(name)
  }

  /// Begins an element of an array.
  @inline(__always)
  func element(in place: Place) throws(StoreError) {
    try check(place)
    frames[Int(place.index)].count += 1
  }

  /// Begins the only item of a value.
  @inline(__always)
  func item(in place: Place) throws(StoreError) {
    try check(place)
    guard frames[Int(place.index)].content == .nothing else {
      throw StoreError(.invalidArgument, "a value was encoded twice")
    }
    frames[Int(place.index)].content = .item
  }

  /// An encoder of the next item, which may be used until the frame ends: of a map's entry with the key, or of an array's
  /// element.
  func nested(_ key: String? = nil, in place: Place) -> CompactEncoder {
    let writer = CompactWriter()
    do throws(StoreError) {
      if let key { try self.key(key, in: place) } else { try element(in: place) }
      writer.depth = depth
      nested.append((bytes.count, writer))
    } catch {
      // Said at the end: a container can't be refused where it is asked for.
      failure = error
    }
    return CompactEncoder(place: writer.push())
  }

  /// Takes an element back whose type refused to be encoded.
  func removeElement(from start: Int, in place: Place) {
    guard holds(place) else { return }
    bytes.truncate(to: start)
    frames[Int(place.index)].count -= 1
  }

  func count(of place: Place) -> Int { holds(place) ? frames[Int(place.index)].count : 0 }

  // MARK: Ending

  private func endFrame() throws(StoreError) {
    let frame = frames[frames.count - 1]
    switch frame.content {
    case .item: break
    case .nothing:
      bytes.append(CompactFormat.map)
      bytes.append(CompactFormat.end)
    case .array, .map:
      depth -= 1
      if !nested.isEmpty { try putNestedInPlace(from: frame.start) }
      bytes.append(CompactFormat.end)
      if frame.isUnordered, bytes.count > frame.start + 2 { try sortEntries(ofMapAt: frame.start) }
    }
    frames.removeLast()
  }

  private func putNestedInPlace(from start: Int) throws(StoreError) {
    guard let first = nested.firstIndex(where: { $0.position >= start }) else { return }
    var whole = ByteWriter()
    var position = start
    for (next, writer) in nested[first...] {
      whole.append(bytes.bytes.extracting(position..<next))
      position = next
      while !writer.frames.isEmpty { try writer.endFrame() }
      try writer.checkWhole()
      whole.append(writer.bytes.bytes)
    }
    whole.append(bytes.bytes.extracting(position...))
    nested.removeSubrange(first...)
    bytes.truncate(to: start)
    bytes.append(whole.bytes)
  }

  /// Sorts the entries of the map that ends the bytes by their names, as a dictionary has another order in each process.
  private func sortEntries(ofMapAt start: Int) throws(StoreError) {
    let map = try CompactReader(item: bytes.bytes.extracting(start...).array)
    let entries = map.children(of: 0)
    let ends = entries.dropFirst().map { Int(map.nodes[$0].name) } + [map.bytes.count - 1]
    let sorted = zip(entries, ends).map { entry, end in
      (name: map.bytes[map.nameRange(of: entry)], bytes: map.bytes[Int(map.nodes[entry].name)..<end])
    }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    bytes.truncate(to: start + 1)
    for (index, entry) in sorted.enumerated() {
      if index > 0, entry.name.elementsEqual(sorted[index - 1].name) {
        throw StoreError(
          .invalidArgument, "a value has a key twice", ["key": String(decoding: entry.name, as: UTF8.self)])
      }
      bytes.append(Array(entry.bytes).rawSpan)
    }
    bytes.append(CompactFormat.end)
  }

  // MARK: Items

  @inline(__always)
  func null() { bytes.append(CompactFormat.null) }

  @inline(__always)
  func bool(_ value: Bool) { bytes.append(value ? CompactFormat.yes : CompactFormat.no) }

  @inline(__always)
  func integer(_ value: Int64) {
    let isNegative = value < 0
    bytes.append(
      item: isNegative ? CompactFormat.negative : CompactFormat.positive,
      UInt64(bitPattern: isNegative ? ~value : value))
  }

  @inline(__always)
  func integer(_ value: UInt64) { bytes.append(item: CompactFormat.positive, value) }

  func double(_ value: Double) {
    bytes.append(CompactFormat.double)
    bytes.append(bigEndian: value.bitPattern)
  }

  func float(_ value: Float) {
    bytes.append(CompactFormat.float)
    bytes.append(bigEndian: value.bitPattern)
  }

  func text(_ value: String) {
    bytes.append(item: CompactFormat.text, UInt64(value.utf8.count))
    bytes.append(utf8: value)
  }

  func encode<T: Encodable>(_ value: T) throws {
    if T.self == Data.self, let data = value as? Data {
      bytes.append(item: CompactFormat.bytes, UInt64(data.count))
      bytes.append(data.bytes)
    } else if T.self == UUID.self, let id = value as? UUID {
      bytes.append(item: CompactFormat.bytes, 16)
      UUIDCodec.uuid.encode(id, into: &bytes)
    } else {
      let outer = (frames: frames.count, depth: depth, bytes: bytes.count)
      do {
        try value.encode(to: CompactEncoder(place: push()))
        try endFrame()
      } catch {
        // The type around it may go on without the value.
        frames.removeLast(frames.count - outer.frames)
        nested.removeAll { $0.position > outer.bytes }
        depth = outer.depth
        throw error
      }
    }
  }

  /// The path of keys to the innermost value, from the value of this writer on.
  var codingPath: [any CodingKey] {
    frames.compactMap { frame in
      switch frame.content {
      case .map where frame.keyAt > 0:
        let rest = bytes.withBytes { $0.extracting(frame.keyAt...).array }
        var reader = ByteReader(rest.rawSpan)
        return CompactFormat.text(&reader).map { CompactKey(stringValue: $0) }
      case .array where frame.count > 0: return CompactKey(intValue: frame.count - 1)
      default: return nil
      }
    }
  }
}
