import Foundation
import RocksDB
import SmallDisk
import Testing

@Suite struct FullDiskTests {
  @Test(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
  func `a full disk is an error that names its cause, and work goes on once there is room`() throws {
    let directory = TemporaryDirectory()
    let disk = try SmallDisk(directory.path + "/disk", mebibytes: 4)
    var options = DatabaseOptions()
    options.columnFamilyOverrides = ["compression": "kNoCompression"]
    let path = disk.path + "/db"
    do {
      let database = try Database.open(path, options: options, columnFamilies: [])
      let family = try database.family("default")
      try database.install(["offset": "1"], in: family, through: disk.path + "/1.sst")
      try disk.fill(leaving: 1 << 20)
      let rows = (0..<40).map { ("key\($0)", String(repeating: "v", count: 50_000)) }
      let large: [String: String?] = Dictionary(uniqueKeysWithValues: rows)
      let error = try #require(
        failure { try database.install(large, in: family, through: disk.path + "/2.sst") })
      #expect(error.code == .ioError && error.subcode == .noSpace)
      #expect(try database.rows(in: family) == ["offset=1"])
      try disk.makeRoom()
      try database.install(["offset": "2"], in: family, through: disk.path + "/2.sst")
    }
    let database = try Database.open(path, options: options, columnFamilies: [])
    #expect(try database.rows(in: try database.family("default")) == ["offset=2"])
  }
}
