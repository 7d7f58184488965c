internal import Changelog
internal import Glibc

/// A file without a name, in memory if the machine has a file system there.
final class RowFile {
  private let descriptor: Int32
  /// Refers to the file as long as it is open.
  var path: String { "/proc/self/fd/\(descriptor)" }

  init() throws {
    var descriptor: Int32 = -1
    for directory in ["/dev/shm", "/tmp"] where descriptor < 0 {
      // The template is ASCII, and ends in the six letters that are replaced.
      var template = (directory + "/tidemark-rows-XXXXXX").utf8CString
      descriptor = unsafe template.withUnsafeMutableBufferPointer { template in
        // Proof: the template is terminated, and nobody else has it.
        let descriptor = unsafe mkstemp(template.baseAddress!)
        if descriptor >= 0 { unsafe unlink(template.baseAddress!) }
        return descriptor
      }
    }
    if descriptor < 0 { throw Violation("a temporary file can't be made: errno \(errno)") }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Makes `bytes` the contents of the file, writing only those from `start` on: the file has the others already.
  func write(_ bytes: RawSpan, from start: Int = 0) throws {
    guard ftruncate(descriptor, off_t(start)) == 0 else { throw Violation("a temporary file can't be cut") }
    let rest = bytes.extracting(start...)
    let written = unsafe rest.withUnsafeBytes {
      // Proof: the kernel only reads the bytes, which live until it returns.
      unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(start))
    }
    guard written == rest.byteCount else { throw Violation("a temporary file can't be written") }
  }
}
