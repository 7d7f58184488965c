internal import Glibc

/// The part of a file that is in memory: a buffer that moves forward over the file and grows with the longest row.
@safe
struct FileWindow: ~Copyable {
  private let descriptor: Int32
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  /// How many bytes are in memory.
  private(set) var count = 0
  /// The file offset of the first byte in memory.
  private(set) var offset = 0

  /// Opens a regular file for reading; nothing is read yet.
  init(path: String, bufferBytes: Int) throws(InputError) {
    precondition(bufferBytes > 0)
    descriptor = try FileWindow.open(path)
    capacity = bufferBytes
    unsafe base = malloc(bufferBytes)!
  }

  deinit {
    unsafe free(base)
    close(descriptor)
  }

  private static func open(_ path: String) throws(InputError) -> Int32 {
    // Without O_NONBLOCK, opening a pipe waits for its writer.
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw InputError(.init(errno: errno), file: path) }
    var status = stat()
    let kind: InputError.Kind? =
      if unsafe fstat(descriptor, &status) != 0 {
        .init(errno: errno)
      } else if status.st_mode & S_IFMT == S_IFDIR {
        .isDirectory
      } else if status.st_mode & S_IFMT != S_IFREG {
        .inputOutput("not a regular file")
      } else {
        nil
      }
    if let kind {
      close(descriptor)
      throw InputError(kind, file: path)
    }
    return descriptor
  }

  /// The bytes in memory, for as long as the window is borrowed.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: `base` holds `count` initialized bytes and lives as long as the borrow of `self`.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Whether the bytes in memory start with U+FEFF in UTF-8.
  var startsWithByteOrderMark: Bool { count >= 3 && bytes.extracting(first: 3).equals([0xEF, 0xBB, 0xBF].rawBytes) }

  /// Lets `body` change the bytes in memory; the file stays as it is.
  mutating func withMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) -> R) -> R {
    unsafe body(UnsafeMutableRawBufferPointer(start: base, count: count))
  }

  /// How long the file is at this moment.
  func fileByteCount() throws(ReadFailure) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw ReadFailure(code: errno) }
    return Int(status.st_size)
  }

  /// Discards the bytes in memory; reading continues at `offset`.
  mutating func move(to offset: Int) {
    self.offset = offset
    count = 0
  }

  /// Drops the first `dropped` bytes and reads more after the rest, doubling the buffer if the rest fills it.
  ///
  /// Returns how many bytes were added: 0 at the end of the file, as it is at this moment.
  mutating func fill(dropping dropped: Int) throws(ReadFailure) -> Int {
    precondition(dropped >= 0 && dropped <= count)
    if dropped > 0 {
      // Proof: both ranges lie within the `count` initialized bytes.
      unsafe memmove(base, base + dropped, count - dropped)
      count -= dropped
      offset += dropped
    }
    if count == capacity {
      capacity *= 2
      unsafe base = realloc(base, capacity)!
    }
    while true {
      let read = unsafe pread(descriptor, base + count, capacity - count, off_t(offset + count))
      if read >= 0 {
        count += read
        return read
      }
      if errno != EINTR { throw ReadFailure(code: errno) }
    }
  }

  /// Bytes of the file, as it is at this moment; fewer at its end.
  func read(_ range: Range<Int>) throws(ReadFailure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var done = 0
    while done < bytes.count {
      let read = unsafe bytes.withUnsafeMutableBytes {
        // Proof: `done` stays below the buffer's count.
        unsafe pread(descriptor, $0.baseAddress! + done, $0.count - done, off_t(range.lowerBound + done))
      }
      if read == 0 { break }
      if read > 0 { done += read } else if errno != EINTR { throw ReadFailure(code: errno) }
    }
    return Array(bytes[..<done])
  }

  /// The byte at an offset of the file; `nil` after its end.
  func byte(at offset: Int) throws(ReadFailure) -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let read = unsafe pread(descriptor, &byte, 1, off_t(offset))
      if read >= 0 { return read == 1 ? byte : nil }
      if errno != EINTR { throw ReadFailure(code: errno) }
    }
  }
}

/// Why the system could not read.
struct ReadFailure: Error {
  var code: Int32
}

// Proof: a unique owner of its memory and its descriptor; nothing is shared.
extension FileWindow: @unchecked Sendable {}
