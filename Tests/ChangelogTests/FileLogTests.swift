import Changelog
import Foundation
import Testing

@Suite struct FileLogTests {
  @Test func appendsAndReadsBack() throws {
    let parent = NSTemporaryDirectory() + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: parent) }
    let log = try FileLog.open(parent, TopicPartition("t", 0))
    let writer = try log.openWriter()
    for i in 0..<100 {
      var commit = Commit(position: [TopicPartition("in", 0): Offset(Int64(i))], streamTime: Int64(i))
      let key = [UInt8(i)]
      commit.records.append(TableID(1), key: key.span.bytes, value: key.span.bytes)
      let a = try writer.append(commit)
      #expect(a.endOffset == Offset(Int64(2 * i + 2)))
    }
    var n = 0
    #expect(
      try log.read(from: .zero, to: nil) { c throws(StoreError) in
        n += 1; return .next
      } == 200)
    #expect(n == 100)
    try writer.sync()
    let other = try FileLog.open(parent, TopicPartition("t", 0))
    #expect(try other.offsets() == ChangelogOffsets(start: 0, durable: 0, end: 200))
    #expect(throws: StoreError.self) { _ = try other.openWriter() }
    try writer.close()
    let again = try other.openWriter()
    #expect(again.epoch == 1)
    #expect(again.endOffset == 200)
    #expect(try other.receipt(endingAt: 100) != nil)
    #expect(again.lastReceipt == writer.lastReceipt)
    #expect(try other.receipt(endingAt: 200) == writer.lastReceipt)
  }
}
