/// How fast a store replays its changelog: what it went by when it was opened, so far as it replayed enough to tell.
struct ReplayRate: Sendable {
  private static let assumedBytesPerSecond = 100e6
  /// What takes less is mostly opening files.
  private static let leastBytes = 1 << 20

  private var bytesPerSecond = Self.assumedBytesPerSecond

  init() {}

  /// Goes by a restore that is done.
  init(_ progress: OpenProgress) {
    guard progress.bytes >= Self.leastBytes, progress.recordsPerSecond > 0 else { return }
    bytesPerSecond = Double(progress.bytes) / Double(progress.records) * progress.recordsPerSecond
  }

  /// How long so many changelog bytes take.
  func duration(of bytes: Int) -> Duration { .seconds(Double(bytes) / bytesPerSecond) }

  /// Less isn't worth table files of its own.
  fileprivate static let leastLagBytes = 64 << 10

  /// How many changelog bytes may lag so that they take no longer.
  func bytes(in duration: Duration) -> Int { Int(min(max(duration / .seconds(1), 0) * bytesPerSecond, 1e15)) }
}

extension StoreOptions {
  /// At most how many changelog bytes should lag.
  func lagLimitBytes(_ rate: ReplayRate) -> Int {
    guard let restartTarget else { return storedLagBytes }
    return min(storedLagBytes, max(rate.bytes(in: restartTarget), ReplayRate.leastLagBytes))
  }
}
