import Foundation

/// Linux's counters of this process.
enum ProcessCounters {
  /// Bytes handed to `write` and its like by all threads: the same count for a database, a log and a changelog.
  static var writtenBytes: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/io", encoding: .utf8) else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("wchar: ") { return Int(line.dropFirst(7)) ?? 0 }
    return 0
  }

  /// The greatest resident memory of this process so far.
  static var peakResidentBytes: Int { status(of: "self")["VmHWM"] ?? 0 }

  /// Linux's figures of a process, by name; sizes in bytes.
  static func status(of process: String) -> [String: Int] {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return [:] }
    var numbers: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count >= 2, let number = Int(words[1]) else { continue }
      numbers[String(words[0].dropLast())] = words.last == "kB" ? number << 10 : number
    }
    return numbers
  }

  /// The processor time of a process, of all its threads.
  static func processorSeconds(of processID: pid_t) -> Double {
    guard let stat = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8) else { return 0 }
    return Double(ticks(stat)) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The processor time of everything that runs on the machine, including the time that its host took from it.
  static var machineBusySeconds: Double {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return 0 }
    // The first line: user, nice, system, idle, waiting for the disk, interrupts twice, taken by the host.
    let ticks = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().prefix(8).map { Double($0) ?? 0 }
    guard ticks.count == 8 else { return 0 }
    return (ticks.reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// User and system time of a process or a thread, from its file `stat`.
  private static func ticks(_ stat: String) -> Int {
    guard let end = stat.lastIndex(of: ")") else { return 0 }
    // After the name: state, then ten fields, then user and system time.
    let fields = stat[stat.index(end, offsetBy: 2)...].split(separator: " ")
    return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
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
      // The state follows the name.
      if !stat[end...].hasPrefix(") S") { areAsleep = false }
      ticks += self.ticks(stat)
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
      // There is no notification when another thread falls asleep, so this polls.
      usleep(2000)
    }
  }
}

/// The bytes of all files below a directory.
func directoryBytes(_ path: String) -> Int {
  var seen: Set<UInt64> = []
  return directoryBytes(path, &seen)
}

/// The same without files already in `seen`, under whatever name.
func directoryBytes(_ path: String, _ seen: inout Set<UInt64>) -> Int {
  var sum = 0
  let files = FileManager.default.enumerator(atPath: path)
  while files?.nextObject() != nil {
    let attributes = files?.fileAttributes
    let number = (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value
    if attributes?[.type] as? FileAttributeType == .typeRegular, let number, seen.insert(number).inserted {
      sum += (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
  }
  return sum
}
