public import ArgumentParser
import Foundation
import RowInput
public import Tidemark

/// Options that several commands share.
struct StateOption: ParsableArguments {
  @Option(help: ArgumentHelp("The directory of the state.", valueName: "directory"))
  var state: String
}

/// How progress is shown.
struct ProgressOption: ParsableArguments {
  @Option(help: "The style of progress on standard error: auto, bar, plain, json or none.")
  var progress = ProgressStyle.auto
}

extension ProgressStyle: ExpressibleByArgument {}
extension RowFormat: ExpressibleByArgument {}

/// `sync`, `os`, or `interval:` and milliseconds.
extension Durability: ExpressibleByArgument {
  /// Reads an option's value.
  public init?(argument: String) {
    switch argument {
    case "sync": self = .sync
    case "os": self = .os
    default:
      guard argument.hasPrefix("interval:"), let milliseconds = Int(argument.dropFirst(9)), milliseconds > 0 else {
        return nil
      }
      self = .interval(.milliseconds(milliseconds))
    }
  }
}

/// Writes to standard output in large pieces; ends the command quietly when the reader of the pipe is gone.
struct Output: ~Copyable {
  private var buffer: [UInt8] = []

  init() { signal(SIGPIPE, SIG_IGN) }

  mutating func append(_ fill: (inout [UInt8]) -> Void) throws {
    fill(&buffer)
    if buffer.count >= 1 << 16 { try flush() }
  }

  mutating func flush() throws {
    var written = 0
    while written < buffer.count {
      let count = unsafe buffer.withUnsafeBytes {
        unsafe write(STDOUT_FILENO, $0.baseAddress! + written, $0.count - written)
      }
      guard count > 0 else {
        if errno == EPIPE { throw ExitCode.success }
        throw unsafe CommandError(
          .inputOutput, "standard output can't be written: \(String(cString: strerror(errno)))")
      }
      written += count
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
