internal import Changelog
internal import Foundation
internal import Glibc

/// One value's bytes, and where each item lies in them.
///
/// The bytes are checked as a whole before anything is decoded. So an error beyond that is one of the declaration (but for
/// text that is not UTF-8).
final class CompactReader {
  /// An item; items lie in the order of their bytes, so the first one in a container follows the container.
  struct Node {
    /// Where the item starts.
    var start: UInt32
    /// The index of the first item behind this one and what lies in it.
    var next: UInt32
    /// Where the item's name starts, in a map.
    var name: UInt32
    /// The item in this container that was found last; while the bytes are checked, the container around this one.
    var hint: UInt32
  }

  let bytes: [UInt8]
  // Proof: a decoder isn't `Sendable`, so one thread at a time uses this, and no access calls a user's code.
  @safe @exclusivity(unchecked) private(set) var nodes: ContiguousArray<Node> = []

  /// Checks the bytes of a value.
  convenience init(_ value: RawSpan) throws(StoreError) {
    guard value.byteCount > 0 else { throw StoreError(.corrupted, "a compact value has no bytes") }
    let bytes = value.array
    guard bytes[0] == CompactFormat.version else {
      throw StoreError(
        .unsupported, "a compact value has another version; use a newer version of the library", ["version": bytes[0]])
    }
    try self.init(bytes, from: 1)
  }

  /// Checks the bytes of an item.
  convenience init(item: [UInt8]) throws(StoreError) { try self.init(item, from: 0) }

  private init(_ bytes: [UInt8], from start: Int) throws(StoreError) {
    self.bytes = bytes
    guard bytes.count < Int(Int32.max) else { throw StoreError(.corrupted, "a compact value is too long") }
    nodes.reserveCapacity(bytes.count / 8 + 4)
    if let damage = check(bytes.rawSpan, from: start) {
      throw StoreError(.corrupted, "a compact value is damaged", ["damage": damage])
    }
  }

  /// Finds all items; returns the damage of the bytes, if any.
  private func check(_ bytes: RawSpan, from start: Int) -> String? {
    var reader = ByteReader(bytes)
    _ = reader.take(start)
    var container = -1
    var depth = 0
    var isMap = false
    repeat {
      var name = 0
      guard var first = reader.integer(UInt8.self) else { return "cut short" }
      if container >= 0, first == CompactFormat.end {
        nodes[container].next = UInt32(nodes.count)
        let outer = Int(Int32(bitPattern: nodes[container].hint))
        nodes[container].hint = UInt32(container + 1)
        container = outer
        depth -= 1
        isMap = outer >= 0 && self.bytes[Int(nodes[outer].start)] == CompactFormat.map
        continue
      }
      if isMap {
        name = reader.position - 1
        guard first >> 5 == CompactFormat.text, let count = CompactFormat.argument(first, &reader),
          count <= UInt64(reader.remaining)
        else { return "a field has no name" }
        _ = reader.take(Int(count))
        guard let next = reader.integer(UInt8.self) else { return "cut short" }
        first = next
      }
      nodes.append(
        Node(start: UInt32(reader.position - 1), next: UInt32(nodes.count + 1), name: UInt32(name), hint: 0))
      switch first {
      case 0..<0x40:
        guard CompactFormat.argument(first, &reader) != nil else { return "an integer is cut short" }
      case 0x40..<0x80:
        guard let count = CompactFormat.argument(first, &reader), count <= UInt64(reader.remaining) else {
          return "text or bytes are cut short"
        }
        _ = reader.take(Int(count))
      case CompactFormat.array, CompactFormat.map:
        depth += 1
        guard depth <= CompactFormat.greatestDepth else { return "nested too deeply" }
        let inner = nodes.count - 1
        nodes[inner].hint = UInt32(bitPattern: Int32(container))
        container = inner
        isMap = first == CompactFormat.map
      case CompactFormat.no, CompactFormat.yes, CompactFormat.null: break
      case CompactFormat.float: guard reader.take(4) != nil else { return "a number is cut short" }
      case CompactFormat.double: guard reader.take(8) != nil else { return "a number is cut short" }
      default: return "an unknown item"
      }
    } while container >= 0
    return reader.remaining == 0 ? nil : "bytes follow the value"
  }

  // MARK: Finding

  @inline(__always)
  func first(of node: Int) -> UInt8 { bytes[Int(nodes[node].start)] }

  /// The items in a container.
  func children(of container: Int) -> [Int] {
    var children: [Int] = []
    var at = container + 1
    while at < Int(nodes[container].next) {
      children.append(at)
      at = Int(nodes[at].next)
    }
    return children
  }

  /// The bytes of an item's name.
  @inline(__always)
  func nameRange(of node: Int) -> Range<Int> {
    let (count, start) = argumentAndEnd(at: Int(nodes[node].name))
    return start..<start + Int(count)
  }

  func name(of node: Int) -> String { String(decoding: bytes[nameRange(of: node)], as: UTF8.self) }

  /// The item of a name in a map.
  ///
  /// Most types decode fields in the order in which they encode them, so the search begins at the one that was found last.
  func field(_ name: String, of map: Int) -> Int? {
    let end = Int(nodes[map].next)
    let begin = Int(nodes[map].hint)
    var name = name
    let found = name.withUTF8 { wanted in
      if let found = unsafe search(wanted, begin..<end) { return found as Int? }
      return unsafe search(wanted, map + 1..<max(begin, map + 1))
    }
    if let found { nodes[map].hint = UInt32(found) }
    return found
  }

  private func search(_ wanted: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int? {
    var at = range.lowerBound
    while at < range.upperBound {
      let name = nameRange(of: at)
      if name.count == wanted.count {
        let isEqual = unsafe bytes.withUnsafeBufferPointer { bytes in
          // Proof: the name lies in the bytes, as they were checked, and has the length of the text.
          unsafe wanted.isEmpty
            || memcmp(bytes.baseAddress! + name.lowerBound, wanted.baseAddress!, name.count) == 0
        }
        if isEqual { return at }
      }
      at = Int(nodes[at].next)
    }
    return nil
  }

  private func bigEndian(at start: Int, _ count: Int) -> UInt64 {
    bytes[start..<start + count].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The argument of an item, which was checked, and where that ends.
  @inline(__always)
  private func argumentAndEnd(at start: Int) -> (argument: UInt64, end: Int) {
    let small = Int(bytes[start] & 0x1F)
    if small < 24 { return (UInt64(small), start + 1) }
    let count = 1 << (small - 24)
    return (bigEndian(at: start + 1, count), start + 1 + count)
  }

  // MARK: Items

  func isNull(_ node: Int) -> Bool { first(of: node) == CompactFormat.null }

  func bool(_ node: Int) throws -> Bool {
    switch first(of: node) {
    case CompactFormat.no: return false
    case CompactFormat.yes: return true
    default: throw mismatch(Bool.self, node)
    }
  }

  func integer<T: FixedWidthInteger>(_ type: T.Type, _ node: Int) throws -> T {
    let first = first(of: node)
    guard first < 0x40 else { throw mismatch(type, node) }
    let (magnitude, _) = argumentAndEnd(at: Int(nodes[node].start))
    let value =
      first >> 5 == CompactFormat.positive
      ? T(exactly: magnitude) : Int64(exactly: magnitude).flatMap { T(exactly: ~$0) }
    guard let value else { throw mismatch(type, node, "an integer that doesn't fit") }
    return value
  }

  /// Any number that is exactly of the type.
  func number<T: BinaryFloatingPoint>(_ type: T.Type, _ node: Int) throws -> T {
    let start = Int(nodes[node].start) + 1
    let value: T?
    switch first(of: node) {
    case CompactFormat.double:
      let double = Double(bitPattern: bigEndian(at: start, 8))
      value = double.isNaN ? T(double) : T(exactly: double)
    case CompactFormat.float:
      let float = Float(bitPattern: UInt32(bigEndian(at: start, 4)))
      value = float.isNaN ? T(float) : T(exactly: float)
    case 0..<0x20: value = T(exactly: try integer(UInt64.self, node))
    case 0x20..<0x40: value = T(exactly: try integer(Int64.self, node))
    default: throw mismatch(type, node)
    }
    guard let value else { throw mismatch(type, node, "a number that doesn't fit") }
    return value
  }

  private func payload(_ kind: UInt8, _ type: Any.Type, _ node: Int) throws -> Range<Int> {
    guard first(of: node) >> 5 == kind else { throw mismatch(type, node) }
    let (count, end) = argumentAndEnd(at: Int(nodes[node].start))
    return end..<end + Int(count)
  }

  func text(_ node: Int) throws -> String {
    let range = try payload(CompactFormat.text, String.self, node)
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw StoreError(.corrupted, "text in a compact value is not UTF-8")
    }
    return text
  }

  func decode<T: Decodable>(_ type: T.Type, at node: Int) throws -> T {
    if T.self == Data.self, let data = Data(bytes[try payload(CompactFormat.bytes, type, node)]) as? T { return data }
    if T.self == UUID.self {
      let range = try payload(CompactFormat.bytes, type, node)
      guard range.count == 16 else { throw mismatch(type, node, "\(range.count) bytes") }
      if let id = try UUIDCodec.uuid.decode(Array(bytes[range]).rawSpan) as? T { return id }
    }
    return try T(from: CompactDecoder(reader: self, node: node))
  }

  // MARK: Errors

  func mismatch(_ type: Any.Type, _ node: Int, _ found: String? = nil) -> DecodingError {
    let found = found ?? CompactFormat.kind(first(of: node))
    let context = DecodingError.Context(codingPath: path(of: node), debugDescription: "\(found) is stored, not \(type)")
    return isNull(node) ? .valueNotFound(type, context) : .typeMismatch(type, context)
  }

  /// The path of keys to an item.
  func path(of node: Int) -> [any CodingKey] {
    var path: [any CodingKey] = []
    var container = 0
    while container != node {
      guard
        let (index, child) = children(of: container).enumerated().first(where: { node < Int(nodes[$0.element].next) })
      else { return path }
      let isMap = first(of: container) == CompactFormat.map
      path.append(isMap ? CompactKey(stringValue: name(of: child)) : CompactKey(intValue: index))
      container = child
    }
    return path
  }
}
