import CoreMetrics

/// Prints a line for each finished application and compaction; drops all other metrics.
final class SpokenMetrics: MetricsFactory {
  private static let words = ["tidemark.flush-total": "applied", "tidemark.compaction-total": "compacted"]

  private final class Speaker: CounterHandler {
    private let word: String

    init(_ word: String) { self.word = word }

    func increment(by amount: Int64) { say(word) }
    func reset() {}
  }

  private let others = NOOPMetricsHandler.instance

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    if let word = Self.words[label] { return Speaker(word) }
    return others
  }

  func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
    others
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { others }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler { others }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { others }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}
