import Foundation
import SmallDisk
import Testing

/// A real file system without space.
@Suite struct FullDiskTests {
  @Test(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
  func aFullDiskCostsNothingAndTheSameCommandGoesOn() throws {
    let directory = try TemporaryDirectory()
    let small = try SmallDisk(directory("disk"), mebibytes: 60)
    let disk = small.path
    try small.fill(leaving: 3 << 20)
    let file = try directory.write(orders(60_000), to: "orders.csv")
    let arguments = [
      "aggregate", file, "--group-by", "customer,order", "--count", "--sum", "amount", "--last", "item",
      "--commit-records", "500", "--state",
    ]
    let refused = try run(commandPath(), arguments + [disk + "/state"])
    #expect(refused.status == 73, "\(refused.error)")
    #expect(refused.error.contains("tidemark: "), "\(refused.error)")
    try small.makeRoom()
    let finished = try run(commandPath(), arguments + [disk + "/state"])
    #expect(finished.status == 0, "\(finished.error)")
    _ = try run(commandPath(), arguments + [directory("whole")])
    let whole = try tidemark("scan", "--json", "--state", directory("whole")).output
    #expect(try tidemark("scan", "--json", "--state", disk + "/state").output == whole)
    #expect(try tidemark("verify", "--state", disk + "/state").status == 0)
  }
}
