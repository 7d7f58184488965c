import Foundation
import Torture

/// A process that does a part of something, since what it does may stop the program: it says what it has done, a line of
/// JSON each time.
enum Worker {
  /// Starts one, and adds up what it says; throws what stopped it.
  static func start(_ arguments: [String], _ shared: SharedOptions, _ part: Int, _ progress: Progress) throws {
    Leftovers.removeWhenInterrupted(shared.directory)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments =
      arguments + [
        "--part", "\(part)", "--jobs", "\(shared.jobs)", "--seed", "\(shared.seed)", "--scratch", shared.scratch,
      ] + (shared.seconds.map { ["--seconds", "\($0)"] } ?? [])
    let output = Pipe()
    process.standardOutput = output
    // RocksDB says there which assertion has stopped it.
    let errors = "\(shared.directory)-part-\(part).stderr"
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: errors)
    defer { try? FileManager.default.removeItem(atPath: errors) }
    try process.run()
    let directory = shared.directory(of: process.processIdentifier)
    Leftovers.add(process, [directory, errors])
    var rest = Data()
    var failure: String?
    while true {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      rest.append(data)
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = rest[rest.startIndex..<end]
        rest = Data(rest[rest.index(after: end)...])
        if let figures = try? JSONDecoder().decode(Figures.self, from: line) {
          progress.add(figures)
        } else if let text = try? JSONDecoder().decode(String.self, from: line) {
          failure = text
        }
      }
      if progress.isOver, process.isRunning { process.terminate() }
    }
    process.waitUntilExit()
    Leftovers.remove(process)
    let lines = (try? String(contentsOfFile: errors, encoding: .utf8))?.split(separator: "\n") ?? []
    for line in lines {
      guard let range = line.firstRange(of: "rocksdb::") else { continue }
      progress.stopped(by: String(line[range.lowerBound...]))
    }
    if let failure { throw WorkerFailure(description: failure) }
    guard process.terminationStatus == 0 || (process.terminationReason == .uncaughtSignal && progress.isOver) else {
      // The sanitizers tell there what they have found.
      let end = lines.suffix(100).joined(separator: "\n")
      throw WorkerFailure(description: "\(arguments) ended with status \(process.terminationStatus):\n\(end)")
    }
    // One that was ended couldn't; what a violation leaves stays, to be looked at.
    try? FileManager.default.removeItem(atPath: directory)
  }

  struct WorkerFailure: Error, CustomStringConvertible { let description: String }

  /// Does a part; `body` gets a directory, and what it calls with what it has done, which answers whether it goes on.
  static func run(
    _ shared: SharedOptions, _ part: Int, _ body: (_ directory: String, _ report: (Figures) -> Bool) throws -> Void
  ) throws {
    ProgramStop.install()
    let end = shared.seconds.map { ContinuousClock.now.advanced(by: .seconds($0)) }
    do {
      try body(shared.directory) { figures in
        say(figures)
        return end.map { .now < $0 } ?? true
      }
      try? FileManager.default.removeItem(atPath: shared.directory)
    } catch {
      say("\(error)")
    }
    // Threads that were stopped don't end by themselves.
    exit(0)
  }

  static func say(_ text: String, to descriptor: Int32) {
    FileHandle(fileDescriptor: descriptor).write(Data((text + "\n").utf8))
  }

  private static func say(_ value: some Encodable) {
    guard var data = try? JSONEncoder().encode(value) else { return }
    data.append(UInt8(ascii: "\n"))
    FileHandle.standardOutput.write(data)
  }
}
