public import ArgumentParser
import Foundation
import RowInput
public import Tidemark

/// Options that several commands share.
struct StateOption: ParsableArguments {
  @Option(help: ArgumentHelp("The directory of the state.", valueName: "directory"))
  var state: String

  @Option(
    help: ArgumentHelp("How long to wait for a state that another process has open (default: 2s).", valueName: "length")
  )
  var wait: WindowLength?

  var waitDuration: Duration { .milliseconds(wait?.milliseconds ?? 2000) }

  func validate() throws { try checkPath(state, "--state") }
}

/// How progress is shown.
struct ProgressOption: ParsableArguments {
  @Option(help: "The style of progress on standard error: auto, bar, plain, json or none.")
  var progress = ProgressStyle.auto
}

extension ProgressStyle: ExpressibleByArgument {}
extension RowFormat: ExpressibleByArgument {}
extension TimeUnit: ExpressibleByArgument {}

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
