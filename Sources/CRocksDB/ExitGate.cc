// The end of the process while threads use databases.
//
// `exit` destroys RocksDB's static objects (its threads, timer, and tables of locked files and of option names) while
// other threads go on. Calls and background work that then use these objects abort the process. So, before RocksDB's
// destructors run, exit
// 1. refuses new calls into RocksDB: they fail, and a database that would close is leaked, for the kernel to reclaim;
// 2. tells the background work of all open databases to stop;
// 3. waits until the calls under way are over, except those of its own thread;
// 4. waits until the background work is over.
// The waits are bounded, as a call may itself wait for the thread that exits.
//
// Functions registered last run first, so this one is registered after RocksDB has made its statics: a table in memory,
// made before the first open, makes those of its tables; the first open makes the timer.
#include "ExitGate.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/table.h"

namespace shim {

std::atomic<bool> ExitGate::exiting{false};
__thread ExitGate::Slot* ExitGate::ownSlot = nullptr;

namespace {

using Clock = std::chrono::steady_clock;

/// Never destroyed: threads use it to the very end.
struct Gate {
  std::mutex slotsMutex;
  std::vector<ExitGate::Slot*> slots;  // under `slotsMutex`; never freed, but used again
  std::mutex databasesMutex;
  std::set<rocksdb::DB*> databases;  // open for writing; under `databasesMutex`
  const pid_t process = getpid();
};

Gate& gate() {
  static Gate& gate = *new Gate;
  return gate;
}

// Takes no time while the process has one thread.
[[maybe_unused]] const long membarrierRegistration =
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);

void pauseBriefly(long nanoseconds) {
  const timespec duration{0, nanoseconds};
  nanosleep(&duration, nullptr);
}

/// On return each thread either has seen `exiting`, or shows its pass in its slot.
void fenceAllThreads() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return;
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  pauseBriefly(1'000'000);  // no processor keeps a store to itself for that long
}

bool isUnused(const ExitGate::Slot* own) {
  std::lock_guard<std::mutex> lock(gate().slotsMutex);
  for (const ExitGate::Slot* slot : gate().slots) {
    if (slot != own && slot->depth.load(std::memory_order_acquire) != 0) return false;
  }
  return true;
}

/// Has RocksDB make the statics that its first table makes.
void makeStatics() {
  std::unique_ptr<rocksdb::Env> memory(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.env = memory.get();
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::SstFileWriter writer{rocksdb::EnvOptions(), options};
  rocksdb::Status status = writer.Open("/1.sst");
  if (status.ok()) status = writer.Put("key", "value");
  if (status.ok()) status = writer.Finish();
  rocksdb::SstFileReader reader{options};
  if (status.ok()) status = reader.Open("/1.sst");
  if (!status.ok()) return;
  std::unique_ptr<rocksdb::Iterator> rows(reader.NewIterator(rocksdb::ReadOptions()));
  rows->SeekToFirst();
}

void stopWork(rocksdb::DB& db, bool wait) { rocksdb::CancelAllBackgroundWork(&db, wait); }

/// Waits for the background work, on a thread that can be abandoned.
void waitForWork(Clock::time_point deadline) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    bool isOver = false;
  };
  auto wait = std::make_shared<Wait>();
  std::vector<rocksdb::DB*> databases;
  {
    std::lock_guard<std::mutex> lock(gate().databasesMutex);
    databases.assign(gate().databases.begin(), gate().databases.end());
  }
  // They stay open: no close begins.
  std::thread([wait, databases = std::move(databases)] {
    for (rocksdb::DB* db : databases) stopWork(*db, true);
    std::lock_guard<std::mutex> lock(wait->mutex);
    wait->isOver = true;
    wait->changed.notify_all();
  }).detach();
  std::unique_lock<std::mutex> lock(wait->mutex);
  wait->changed.wait_until(lock, deadline, [&] { return wait->isOver; });
}

}  // namespace

/// Gives back a thread's slot when the thread ends.
struct SlotOwner {
  ExitGate::Slot* slot = nullptr;
  ExitGate::Slot** own = nullptr;
  ~SlotOwner() {
    if (!slot) return;
    *own = nullptr;
    slot->isTaken.store(false, std::memory_order_release);
  }
};

ExitGate::Slot* ExitGate::registerThread() noexcept {
  static thread_local SlotOwner owner;
  std::lock_guard<std::mutex> lock(gate().slotsMutex);
  for (Slot* slot : gate().slots) {
    bool isTaken = false;
    if (slot->isTaken.compare_exchange_strong(isTaken, true, std::memory_order_acquire)) ownSlot = slot;
    if (ownSlot) break;
  }
  if (!ownSlot) gate().slots.push_back(ownSlot = new Slot);
  owner.slot = ownSlot;
  owner.own = &ownSlot;
  return ownSlot;
}

/// Runs in `exit`.
void waitAtExit() {
  // Threads don't survive a fork, and their calls would never be over.
  if (getpid() != gate().process) return;
  ExitGate::Slot* own = ExitGate::beginExit();
  if (!own) return;
  {
    std::lock_guard<std::mutex> lock(gate().databasesMutex);
    for (rocksdb::DB* db : gate().databases) stopWork(*db, false);
  }
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (!isUnused(own)) {
    if (Clock::now() > deadline) return;
    pauseBriefly(100'000);
  }
  try {
    waitForWork(deadline);
  } catch (...) {
    // No thread can be made.
  }
}

ExitGate::Slot* ExitGate::beginExit() {
  // It is registered twice; after the first time the timer is gone.
  if (exiting.exchange(true)) return nullptr;
  fenceAllThreads();
  return ownSlot ? ownSlot : registerThread();
}

void ExitGate::beforeOpen() {
  static const int registration = [] {
    makeStatics();
    return std::atexit(waitAtExit);
  }();
  (void)registration;
}

void ExitGate::opened(rocksdb::DB& db) {
  static const int registration = std::atexit(waitAtExit);
  (void)registration;
  std::lock_guard<std::mutex> lock(gate().databasesMutex);
  gate().databases.insert(&db);
  if (isExiting()) stopWork(db, false);
}

void ExitGate::closing(rocksdb::DB& db) {
  std::lock_guard<std::mutex> lock(gate().databasesMutex);
  gate().databases.erase(&db);
}

}  // namespace shim
