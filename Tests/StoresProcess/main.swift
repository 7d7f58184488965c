// A process with many stores: `StoresProcess mode directory`.
//
// Exit status 0: all went as expected, and it prints the resources used; 2: it didn't, and the process prints why.
import Glibc
import Tidemark

/// The task of a process.
enum Mode: String {
  /// 200 stores under a limit of 4,096 open files and in one budget.
  case many
  /// Opens stores until one is refused for lack of files, and opens it once the limit is raised.
  case few
  /// Takes all available descriptors for itself.
  case none
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let mode = Mode(rawValue: arguments[1]) else { fail("usage: StoresProcess mode directory") }

do {
  switch mode {
  case .many: try ManyStores(arguments[2], fileLimit: 4096).run(count: 200)
  case .few: try ManyStores(arguments[2], fileLimit: 256).runOut()
  case .none: try ManyStores(arguments[2], fileLimit: 256).runWithoutFiles()
  }
} catch {
  fail("\(error)")
}

/// Prints an error and ends the process.
func fail(_ message: String) -> Never {
  print(message)
  exit(2)
}
