import Foundation
import RowInput
import Tidemark

/// An input as the state knows it: by its key, and by a checksum of its first bytes.
struct InputFile {
  private static let checkedBytes = 4096

  let path: String
  /// The absolute path, or which standard input it was.
  let key: String
  /// Where standard input is kept, if it is that.
  let log: InputLog?

  init(_ path: String) {
    self.path = path
    key = URL(fileURLWithPath: path).standardizedFileURL.path
    log = nil
  }

  init(_ log: InputLog) { (path, key, self.log) = (log.path, log.key, log) }

  /// How far it was read; a file that wasn't read yet gets the next number.
  ///
  /// Throws `changedFile` if its first bytes aren't those of last time.
  func progress(in transaction: borrowing Transaction) throws -> AggregationState.InputProgress {
    if let known = try transaction.get(key, in: AggregationState.inputs) {
      guard try checksum(known.checkedBytes) == known.checksum else {
        throw InputError(.changedFile("its first bytes are different"), file: path)
      }
      return known
    }
    var partition: Int32 = 0
    var cursor = try transaction.scan(AggregationState.inputs)
    while let row = try cursor.next() { partition = max(partition, row.value.partition + 1) }
    return AggregationState.InputProgress(
      partition: partition, bytes: 0, line: 1, record: 1, checkedBytes: 0, checksum: 0)
  }

  /// Takes the checksum of what was read, once there is enough of it.
  func remember(_ progress: inout AggregationState.InputProgress) throws {
    let count = min(progress.bytes, Self.checkedBytes)
    guard count > progress.checkedBytes, let checksum = try checksum(count) else { return }
    (progress.checkedBytes, progress.checksum) = (count, checksum)
  }

  /// CRC-32C of the first bytes; `nil` if there are fewer.
  private func checksum(_ count: Int) throws -> UInt32? {
    guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    let bytes = Array(try handle.read(upToCount: count) ?? Data())
    return bytes.count == count ? crc32c(0, bytes.rawSpan) : nil
  }
}

/// The bytes of a file; 0 if there is none.
func fileSize(_ path: String) -> Int {
  ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber)?.intValue ?? 0
}
