import Foundation
import Testing

/// A real file system without space, where this machine allows to mount one.
@Suite struct FullDiskTests {
  @Test func aFullDiskCostsNothingAndTheSameCommandGoesOn() throws {
    let directory = try TemporaryDirectory()
    let disk = directory("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    guard getuid() == 0, try run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).status == 0 else {
      return print("skipped: no tmpfs can be mounted here")
    }
    defer { _ = try? run("/usr/bin/umount", ["-l", disk]) }
    let file = try directory.write(orders(60_000), to: "orders.csv")
    let arguments = [
      "aggregate", file, "--group-by", "customer,order", "--count", "--sum", "amount", "--last", "item",
      "--commit-records", "500", "--state",
    ]
    let refused = try run(commandPath(), arguments + [disk + "/state"])
    #expect(refused.status == 73, "\(refused.error)")
    #expect(refused.error.contains("tidemark: "), "\(refused.error)")
    #expect(try run("/usr/bin/mount", ["-o", "remount,size=200m", disk]).status == 0)
    let finished = try run(commandPath(), arguments + [disk + "/state"])
    #expect(finished.status == 0, "\(finished.error)")
    _ = try run(commandPath(), arguments + [directory("whole")])
    let whole = try tidemark("scan", "--json", "--state", directory("whole")).output
    #expect(try tidemark("scan", "--json", "--state", disk + "/state").output == whole)
    #expect(try tidemark("verify", "--state", disk + "/state").status == 0)
  }
}
