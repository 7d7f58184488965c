/// When a process is killed, drawn at random.
///
/// An output line or a file on disk starts a clock, so that the kill can fall on any instruction after it.
enum KillInstant {
  /// While it opens the bank.
  case opening(microseconds: Int)
  /// While a restore has a file of this name on disk.
  case restoring(file: String)
  /// While it takes a checkpoint.
  case takingCheckpoint(microseconds: Int)
  /// While it deletes the changelog below a checkpoint.
  case deletingChangelog(microseconds: Int)
  /// Some time after the bank opened.
  case working(microseconds: Int)
  /// Right after this number of acknowledged commits.
  case acknowledged(Int)

  init(_ mode: BankMode, _ draw: inout Draw) {
    let restores = mode == .resume || mode == .rebuild
    if restores, draw.below(2) == 0 {
      self = .restoring(file: draw.below(4) == 0 ? "PLAN" : "\(draw.below(8)).run")
      return
    }
    switch draw.below(100) {
    case 0..<20: self = .opening(microseconds: draw.below(restores ? 150_000 : 50_000))
    case 20..<38: self = .takingCheckpoint(microseconds: draw.below(25_000))
    case 38..<50 where mode != .alone: self = .deletingChangelog(microseconds: draw.below(4_000))
    case 50..<75: self = .working(microseconds: draw.below(400_000))
    default: self = .acknowledged(draw.below(100))
    }
  }

  /// The output word that starts the clock, and the time until the kill.
  var clock: (word: String, microseconds: Int)? {
    switch self {
    case .opening(let microseconds): ("opening", microseconds)
    case .takingCheckpoint(let microseconds): ("taking", microseconds)
    case .deletingChangelog(let microseconds): ("deleting", microseconds)
    case .working(let microseconds): ("ready", microseconds)
    case .restoring, .acknowledged: nil
    }
  }
}
