/// A key of 16 bytes: a hash of its number, so that keys of consecutive numbers are spread over the whole key space.
struct RecordKey: Sendable, BitwiseCopyable {
  /// The first 8 bytes, big-endian.
  let high: UInt64
  /// The last 8 bytes, big-endian.
  let low: UInt64

  static let byteCount = 16

  /// The key of a number: no two numbers share one, since the mixing is a bijection.
  init(number: UInt64) {
    high = mixed(number)
    low = mixed(number ^ 0x5DEE_CE66_D1CE_4E5B)
  }

  /// Lends the key's bytes.
  @inline(__always)
  func lend<R, E: Error>(_ body: (UnsafeRawPointer) throws(E) -> R) throws(E) -> R {
    let bytes = (high.bigEndian, low.bigEndian)
    // Proof: the pointer is used only within the call.
    return unsafe try withUnsafePointer(to: bytes) { (pointer) throws(E) in
      unsafe try body(UnsafeRawPointer(pointer))
    }
  }
}

/// The finalizer of SplitMix64: a bijection of 64 bits.
@inline(__always)
func mixed(_ number: UInt64) -> UInt64 {
  var z = number &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

/// SplitMix64, seeded, so that every run draws the same numbers.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return mixed(state)
  }

  /// A number in `0 ..< 1`.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
