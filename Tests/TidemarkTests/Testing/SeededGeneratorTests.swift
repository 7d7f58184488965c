import Testing
import TidemarkTesting

@Suite struct SeededGeneratorTests {
  @Test func aSeedBringsTheNumbersBack() {
    var first = SeededGenerator()
    var again = SeededGenerator(seed: first.seed)
    var other = SeededGenerator(seed: first.seed &+ 1)
    let numbers = (0..<8).map { _ in first.next() }
    #expect(numbers == (0..<8).map { _ in again.next() })
    #expect(numbers != (0..<8).map { _ in other.next() })
  }

  /// The first numbers of the authors' program for the seed 1234567.
  @Test func theNumbersAreThoseOfSplitMix64() {
    var random = SeededGenerator(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
  }

  @Test func theEnvironmentSaysTheSeedIfItIsANumber() {
    #expect(SeededGenerator.seed(in: ["TIDEMARK_SEED": "2075278053"]) == 2_075_278_053)
    #expect(SeededGenerator.seed(in: ["TIDEMARK_SEED": "\(UInt64.max)"]) == .max)
    for environment in [[:], ["TIDEMARK_SEED": ""], ["TIDEMARK_SEED": "-1"], ["TIDEMARK_SEED": "seed"]] {
      #expect(SeededGenerator.seed(in: environment) == nil)
    }
  }
}
