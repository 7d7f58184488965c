import Foundation
import Torture

/// A process that does a part of a command, since that work may stop the program: it prints its figures, a line of
/// JSON each time.
enum Worker {
  /// Starts a worker, and adds up its figures; throws the failure that stopped it.
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
    // RocksDB prints there the assertion that stopped it.
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
      // The sanitizers print their findings there.
      let end = lines.suffix(100).joined(separator: "\n")
      throw WorkerFailure(description: "\(arguments) ended with status \(process.terminationStatus):\n\(end)")
    }
    // A killed worker couldn't remove it; after a violation the files stay for inspection.
    try? FileManager.default.removeItem(atPath: directory)
  }

  struct WorkerFailure: Error, CustomStringConvertible { let description: String }

  /// Does a part; `body` gets a directory and a closure that reports figures and returns whether to go on.
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
    // Stopped threads don't end by themselves.
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
