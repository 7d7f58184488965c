internal import Foundation

/// Random numbers that a seed reproduces: SplitMix64 (Steele, Lea, Flood 2014).
///
/// A random test makes a generator without a seed. It prints its seed, and the environment variable `TIDEMARK_SEED`
/// reproduces the numbers:
///
/// ```swift
/// var random = SeededGenerator()                    // prints "myTest(): TIDEMARK_SEED=2075278053"
/// let amount = Int64.random(in: 0..<100, using: &random)
/// ```
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  /// The seed of the numbers.
  public let seed: UInt64
  private var state: UInt64

  /// Makes a generator whose numbers follow from a seed.
  ///
  /// Nothing is printed.
  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// Makes a generator for a random test, and prints its seed to standard output, so that a failure can be repeated.
  ///
  /// The seed is `TIDEMARK_SEED` of the environment, or random if that is not set or not a number of 64 bits.
  ///
  /// - Parameter test: the name to print before the seed.
  public init(_ test: String = #function) { self.init(seed: testSeed(test)) }

  /// The seed that an environment asks for.
  package static func seed(in environment: [String: String]) -> UInt64? {
    environment["TIDEMARK_SEED"].flatMap { UInt64($0) }
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

/// The seed of a random test: from `TIDEMARK_SEED`, else another each time; printed, so that a failure can be repeated.
package func testSeed(_ name: String = #function) -> UInt64 {
  let seed = SeededGenerator.seed(in: ProcessInfo.processInfo.environment) ?? .random(in: 0..<1 << 32)
  print("\(name): TIDEMARK_SEED=\(seed)")
  return seed
}
