import Testing
import TidemarkBase

/// The fields that structures end with.
@Suite struct TaggedFieldsTests {
  private let structure: StaticString = "a test's structure"

  private func decoded(_ bytes: [UInt8]) throws(StoreError) -> TaggedFields {
    try TaggedFields(bytes.rawSpan, of: structure, ["table": "notes"])
  }

  private func encoded(_ fields: TaggedFields) -> [UInt8] {
    var buffer = ByteWriter()
    fields.encode(into: &buffer)
    return buffer.bytes.array
  }

  private func failure(_ kind: StoreError.Kind, _ body: () throws(StoreError) -> Void) -> StoreError? {
    let error = #expect(throws: StoreError.self) { try body() }
    #expect(error?.kind == kind, "\(error as Any)")
    return error
  }

  /// The bytes of three fields.
  private let golden: [UInt8] = [1, 2, 7, 8] + [4, 0] + [0xAC, 2, 1, 9]
  private var sample: TaggedFields {
    var fields = TaggedFields()
    fields[300] = [9]
    fields[1] = [7, 8]
    fields[4] = []
    return fields
  }

  @Test func fieldsStandInOrderAndComeBack() throws {
    #expect(encoded(sample) == golden)
    var fields = try decoded(golden)
    #expect(fields == sample)
    #expect(fields.fields.map(\.tag) == [1, 4, 300])
    #expect(fields[4] == [] && fields[5] == nil)
    #expect(fields.take(1) == [7, 8] && fields.take(1) == nil)
    #expect(encoded(fields) == Array(golden[4...]))
    fields[300] = nil
    fields[4] = [1]
    #expect(encoded(fields) == [4, 1, 1])
    #expect(try decoded([]).isEmpty)
  }

  @Test func whatIsCutShortIsDamaged() throws {
    // Bytes that lack whole fields at the end decode without error: only the structure's checksum finds the loss.
    let ends = [0: 0, 4: 1, 6: 2]
    for count in golden.indices {
      let bytes = Array(golden[..<count])
      if let fields = ends[count] {
        #expect(try decoded(bytes).fields.count == fields)
      } else {
        let error = failure(.corrupted) { () throws(StoreError) in _ = try decoded(bytes) }
        #expect(error?.metadata.map(\.name) == ["structure", "table", "byte"], "\(error as Any)")
      }
    }
  }

  /// Seen to fail with: tags that may occur twice, and numbers that may be longer than necessary.
  @Test(arguments: [
    [4, 0, 1, 0], [4, 0, 4, 0], [0x84, 0, 0], [4, 0x81, 0, 7], [4, 2, 7], [4], [0x80],
    [4] + [UInt8](repeating: 0xFF, count: 9) + [1], [UInt8](repeating: 0xFF, count: 11),
  ])
  func whatIsMalformedIsDamaged(_ bytes: [UInt8]) {
    _ = failure(.corrupted) { () throws(StoreError) in _ = try decoded(bytes) }
  }

  /// Whatever the bytes are, they are refused, or are the encoding of the value that they decode to.
  @Test func aFlippedBitIsRefusedOrSaysSomethingElse() throws {
    for at in golden.indices {
      for bit in 0..<8 {
        var bytes = golden
        bytes[at] ^= 1 << UInt8(bit)
        do throws(StoreError) {
          let fields = try decoded(bytes)
          #expect(encoded(fields) == bytes)
          #expect(fields != sample)
        } catch { #expect(error.kind == .corrupted) }
      }
    }
  }

  /// Seen to fail with: even tags that must be known, and odd ones that may be skipped.
  @Test func evenTagsMayBeSkippedAndOddOnesMustBeKnown() throws {
    var fields = sample
    let error = failure(.unsupported) { () throws(StoreError) in
      try fields.checkSkippable(of: structure, ["table": "notes"])
    }
    #expect(error?.metadata.map(\.value) == ["a test's structure", "notes", "1"], "\(error as Any)")
    #expect(error?.message.contains("open it with a newer Tidemark") == true)
    _ = fields.take(1)
    try fields.checkSkippable(of: structure)
    #expect(fields.fields.map(\.tag) == [4, 300], "what is skipped is kept")
  }
}
