import Glibc
import RocksDB

/// Makes a database's files under a umask of 0, and watches them: none may ever be open to others.
///
/// A file that is created open and closed to others afterwards shows as a change of its attributes.
func makeFilesUnderOpenUmask(_ path: String) throws {
  umask(0)
  let database = path + "/db"
  guard unsafe mkdir(path, 0o700) == 0, unsafe mkdir(database, 0o700) == 0 else { fail("no directory: \(errno)") }
  let watch = inotify_init1(Int32(IN_NONBLOCK))
  let events = UInt32(IN_CREATE) | UInt32(IN_ATTRIB)
  for directory in [path, database] where unsafe inotify_add_watch(watch, directory, events) < 0 {
    fail("no watch: \(errno)")
  }
  do {
    let handle = try Database.open(database, options: .init(), columnFamilies: [])
    try handle.createColumnFamilies(["table"])
    try handle.fill(path + "/rows", files: 2)
    try handle.checkpoint(to: path + "/copy")
  }
  var (made, changed) = (0, 0)
  var bytes = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = unsafe read(watch, &bytes, bytes.count)
    if count <= 0 { break }
    var start = 0
    while start + 16 <= count {
      // The fields of `struct inotify_event`: watch, mask, cookie, and the length of the name after them.
      func field(_ index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[start + index * 4 + $1]) << UInt32($1 * 8) }
      }
      if field(1) & UInt32(IN_CREATE) != 0 { made += 1 }
      if field(1) & UInt32(IN_ATTRIB) != 0 {
        changed += 1
        print(String(decoding: bytes[(start + 16)..<(start + 16 + Int(field(3)))].prefix { $0 != 0 }, as: UTF8.self))
      }
      start += 16 + Int(field(3))
    }
  }
  if made < 10 || changed > 0 { fail("\(made) were made, \(changed) changed") }
}
