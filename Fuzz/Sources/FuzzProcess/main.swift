// Runs one fuzz target under libFuzzer. FUZZ_TARGET names it, because libFuzzer restarts itself with its own arguments.
// With FUZZ_SEEDS, a directory, the program writes the target's seeds there instead; without FUZZ_TARGET it lists the
// targets, each with its greatest size.

internal import CFuzzer
internal import Foundation
internal import FuzzTargets

/// The target, as a static: libFuzzer's callback can't capture it.
enum Chosen {
  static let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"]
  static let target = FuzzTarget.all.first { $0.name == name }
}

func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

guard let name = Chosen.name else {
  for target in FuzzTarget.all { print(target.name, target.greatestBytes) }
  exit(0)
}
guard let target = Chosen.target else {
  complain("no target is named \(name)")
  exit(2)
}

if let directory = ProcessInfo.processInfo.environment["FUZZ_SEEDS"] {
  for (number, seed) in try target.seeds().enumerated() {
    try Data(seed).write(to: URL(fileURLWithPath: "\(directory)/seed-\(number)"))
  }
  exit(0)
}

var argumentCount = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
let status = unsafe LLVMFuzzerRunDriver(&argumentCount, &arguments) { bytes, count in
  do {
    // Proof: libFuzzer's bytes live until this returns.
    try Chosen.target?.check(unsafe UnsafeRawBufferPointer(start: bytes, count: count).bytes)
  } catch {
    complain("\(Chosen.name ?? ""): \(error)")
    abort()
  }
  return 0
}
exit(status)
