import Foundation

/// What Linux counts for this process.
enum ProcessCounters {
  /// Bytes handed to `write` and its like by all threads: the same count for a database, a log and a changelog.
  static var writtenBytes: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/io", encoding: .utf8) else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("wchar: ") { return Int(line.dropFirst(7)) ?? 0 }
    return 0
  }

  /// The greatest resident memory of this process so far.
  static var peakResidentBytes: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 << 10 } ?? 0
    }
    return 0
  }

  /// The processor time that RocksDB's background threads have taken, in ticks, and whether all of them sleep.
  ///
  /// All databases of the process share these threads, those of a store too.
  static func backgroundThreads() -> (ticks: Int, areAsleep: Bool) {
    var (ticks, areAsleep) = (0, true)
    for thread in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? [] {
      guard let stat = try? String(contentsOfFile: "/proc/self/task/\(thread)/stat", encoding: .utf8),
        stat.contains("(rocksdb:"), let end = stat.lastIndex(of: ")")
      else { continue }
      // After the name: state, then ten fields, then user and system time.
      let fields = stat[stat.index(end, offsetBy: 2)...].split(separator: " ")
      guard fields.count > 12 else { continue }
      if fields[0] != "S" { areAsleep = false }
      ticks += (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
    }
    return (ticks, areAsleep)
  }

  /// Waits until RocksDB's threads have been asleep for a while, and answers when they fell asleep.
  ///
  /// It looks from outside, because that works the same for a plain database and for one inside a store. A compaction
  /// that waits for the disk doesn't sleep (its state is `D`). ``WriteMeter`` checks the outcome by RocksDB's own counters.
  static func waitForBackgroundThreads() -> UInt64 {
    let quiet: UInt64 = 60_000_000
    var last = backgroundThreads().ticks
    var asleepSince: UInt64?
    while true {
      let (ticks, areAsleep) = backgroundThreads()
      let time = now()
      if !areAsleep || ticks != last { asleepSince = nil } else if asleepSince == nil { asleepSince = time }
      if let since = asleepSince, time - since >= quiet { return since }
      last = ticks
      // Nobody tells when another thread of the process falls asleep, so it is looked at again and again.
      usleep(2000)
    }
  }
}

/// The bytes of all files below a directory.
func directoryBytes(_ path: String) -> Int {
  var sum = 0
  let files = FileManager.default.enumerator(atPath: path)
  while files?.nextObject() != nil {
    let attributes = files?.fileAttributes
    if attributes?[.type] as? FileAttributeType == .typeRegular {
      sum += (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
  }
  return sum
}
