import ArgumentParser
import Foundation

/// The words of the command line.
enum Arguments {
  /// Ends the process if a word isn't UTF-8: Swift would replace its bytes, and two names would become one.
  static func check() {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let word = unsafe CommandLine.unsafeArgv[index] else { continue }
      // Proof: each word is terminated, and lives as long as the process.
      if unsafe String(validatingCString: word) != nil { continue }
      let shown = unsafe String(cString: word)
      printMessage(
        "tidemark: argument \(index) isn't UTF-8: \(shown); rename the file, or give it another name with `ln`\n")
      exit(ExitStatus.usage.rawValue)
    }
  }
}

extension Arguments {
  /// Ends the process if `help` is asked about an unknown command.
  static func checkHelp(_ commands: [any ParsableCommand.Type]) {
    let words = CommandLine.arguments.dropFirst()
    guard words.first == "help", let name = words.dropFirst().first, !name.hasPrefix("-") else { return }
    let names = commands.map { $0.configuration.commandName ?? "" }
    if names.contains(name) { return }
    printMessage("tidemark: there is no command \(visible(name)); there are \(names.joined(separator: ", "))\n")
    exit(ExitStatus.usage.rawValue)
  }
}

/// Throws if a path is empty, as from an unset variable: it would mean the root of the file system.
func checkPath(_ path: String?, _ name: String) throws {
  if path == "" { throw ValidationError("\(name) is empty; is a variable not set?") }
}
