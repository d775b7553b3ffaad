// spread.hpp: the Spread toolkit for C++17, on top of libspread. Header only.
//
//     spread::connection c("4803@localhost");
//     c.join("news");
//     c.multicast("news", "hello");
//     for (;;)
//         if (auto e = c.receive(); auto *m = std::get_if<spread::message>(&e))
//             std::cout << m->sender << ": " << m->data << '\n';
//
// What goes wrong is thrown as spread::error. Names and data are bytes.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef SPREAD_HPP
#define SPREAD_HPP

#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <sp_x.h>

namespace spread {

// An error of the library: CONNECTION_CLOSED and so on, of sp.h.
class error : public std::runtime_error {
public:
    explicit error(int code, const char *what_failed = "spread")
        : std::runtime_error(std::string(what_failed) + ": " + SP_strerror(code) + " (" + std::to_string(code) + ")"),
          code_(code) {}
    int code() const noexcept { return code_; }

    // The connection is gone: connect anew, join again, and take it that
    // messages were missed.
    bool lost() const noexcept {
        return code_ == CONNECTION_CLOSED || code_ == NET_ERROR_ON_SESSION || code_ == ILLEGAL_MESSAGE;
    }

private:
    int code_;
};

// How a message is ordered and when it is delivered.
enum class delivery {
    unreliable = UNRELIABLE_MESS,
    reliable = RELIABLE_MESS,
    fifo = FIFO_MESS,
    causal = CAUSAL_MESS,
    agreed = AGREED_MESS,
    safe = SAFE_MESS,
};

// Why there is a new view.
enum class cause {
    join = CAUSED_BY_JOIN,
    leave = CAUSED_BY_LEAVE,
    disconnect = CAUSED_BY_DISCONNECT,
    network = CAUSED_BY_NETWORK,
};

using view_id = std::array<std::int32_t, 3>;
using names = std::vector<std::string>;

// A message of a member or of another client.
struct message {
    std::string sender; // a private group, to which one can answer
    names groups;
    delivery service = delivery::agreed;
    std::int16_t type = 0; // the sender's own number
    std::string data;
    bool self_discard = false;
    bool endian_mismatch = false; // numbers in the data are of the other byte order, unless the program has its own format
};

// A new view of a group.
struct view {
    std::string group;
    view_id id{};
    spread::cause cause = cause::network;
    names members;
    std::string changed;     // who joined, left or was disconnected
    std::vector<names> sets; // network: who came from the same view each
    std::size_t own_set = 0; // the set of this member: who came along with it
};

// What follows, up to the next view, may not have reached those who are gone.
struct transition {
    std::string group;
    view_id id{};
};

// This member has left the group.
struct self_leave {
    std::string group;
};

// The daemon's policy refuses what was asked for.
struct rejected {
    enum class kind { multicast, join, leave } request = kind::multicast;
    spread::message message;
};

using event = std::variant<message, view, transition, self_leave, rejected>;

struct options {
    std::string name;       // at most 10 bytes; none: the daemon invents one
    bool membership = true; // receive views
    bool priority = false;
    std::chrono::microseconds timeout{30'000'000}; // of connecting; 0: none
};

// A connection to a daemon. Many threads may send at once, and one or more
// receive; disconnect wakes them, they throw CONNECTION_CLOSED then.
class connection {
public:
    // "4803@host", "4803@[::1]"; "4803" or nothing: the daemon on this machine.
    explicit connection(const std::string &daemon = {}, const options &o = {}) {
        char group[MAX_GROUP_NAME];
        const auto us = o.timeout.count();
        const sp_time limit{static_cast<long>(us / 1'000'000), static_cast<long>(us % 1'000'000)};
        mailbox m = -1;
        check(SP_connect_timeout(daemon.c_str(), o.name.c_str(), o.priority, o.membership, &m, group, limit),
              "connect");
        mbox_ = m;
        private_group_ = group;
        SP_x_daemon_version(m, &version_[0], &version_[1], &version_[2]);
    }
    ~connection() { disconnect(); }
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;

    const std::string &private_group() const noexcept { return private_group_; }
    const std::array<int, 3> &daemon_version() const noexcept { return version_; }

    void join(const std::string &group) {
        call("join", [&](mailbox m) { return SP_join(m, group.c_str()); });
    }
    void leave(const std::string &group) {
        call("leave", [&](mailbox m) { return SP_leave(m, group.c_str()); });
    }

    // Send to a group, or to a client by its private group. With self_discard
    // this client does not receive it.
    void multicast(std::string_view group, std::string_view data, delivery service = delivery::agreed,
                   std::int16_t type = 0, bool self_discard = false) {
        send(&group, 1, data, service, type, self_discard);
    }
    void multicast(std::initializer_list<std::string_view> groups, std::string_view data,
                   delivery service = delivery::agreed, std::int16_t type = 0, bool self_discard = false) {
        send(groups.begin(), groups.size(), data, service, type, self_discard);
    }
    void multicast(const names &groups, std::string_view data, delivery service = delivery::agreed,
                   std::int16_t type = 0, bool self_discard = false) {
        send(groups.data(), groups.size(), data, service, type, self_discard);
    }

    // Wait for what comes next.
    event receive() { return *take(-1); }

    // The same, or nothing when the time is up. What has come in part then is
    // returned by a later call.
    std::optional<event> receive(std::chrono::milliseconds limit) {
        const auto ms = limit.count();
        return take(ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : static_cast<int>(ms));
    }

    // Bytes that wait to be received.
    int poll() {
        return call("poll", [](mailbox m) { return SP_poll(m); });
    }

    // For select, poll and event loops: readable if there is something to
    // receive. -1 after disconnect.
    int native_handle() const noexcept { return mbox_; }

    // See sp_x.h.
    void gather(std::size_t bytes) {
        call("gather", [&](mailbox m) { return SP_x_gather(m, bytes); });
    }
    void flush() {
        call("flush", [](mailbox m) { return SP_x_flush(m); });
    }

    // End the session. The destructor does so, too.
    void disconnect() noexcept {
        close([](mailbox m) { SP_x_shutdown(m); }, [](mailbox m) { SP_disconnect(m); });
    }

    // End it without a word to the daemon, as if the program had died.
    void abort() noexcept {
        close([](mailbox m) { ::shutdown(m, SHUT_RDWR); }, [](mailbox m) { SP_kill(m); });
    }

private:
    static int check(int result, const char *what) {
        if (result < 0)
            throw error(result, what);
        return result;
    }

    // Calls under way are counted, so that the number of the mailbox is not used
    // anew before they have ended.
    template <class F> int call(const char *what, F f) {
        struct counted {
            std::atomic<int> &n;
            explicit counted(std::atomic<int> &c) : n(c) { ++n; }
            ~counted() { --n; }
        } guard(calls_);
        const mailbox m = mbox_;
        return check(m < 0 ? ILLEGAL_SESSION : f(m), what);
    }

    template <class Wake, class End> void close(Wake wake, End end) noexcept {
        const mailbox m = mbox_.exchange(-1);
        if (m < 0)
            return;
        if (calls_ > 0)
            wake(m);
        while (calls_ > 0)
            std::this_thread::yield();
        end(m);
    }

    template <class Name>
    void send(const Name *groups, std::size_t n, std::string_view data, delivery service, std::int16_t type,
              bool self_discard) {
        constexpr std::size_t few = 8;
        char some[few][MAX_GROUP_NAME] = {};
        std::vector<std::array<char, MAX_GROUP_NAME>> more;
        char(*list)[MAX_GROUP_NAME] = some;
        if (n > MAX_CLIENT_SCATTER_ELEMENTS || data.size() > INT_MAX)
            throw error(n > MAX_CLIENT_SCATTER_ELEMENTS ? ILLEGAL_MESSAGE : MESSAGE_TOO_LONG, "multicast");
        if (n > few) {
            more.resize(n);
            list = reinterpret_cast<char(*)[MAX_GROUP_NAME]>(more.data());
        }
        for (std::size_t i = 0; i < n; i++) {
            const std::string_view name = groups[i];
            if (name.empty() || name.size() >= MAX_GROUP_NAME)
                throw error(ILLEGAL_GROUP, "multicast");
            std::memcpy(list[i], name.data(), name.size());
        }
        const int bits = static_cast<int>(service) | (self_discard ? SELF_DISCARD : 0);
        call("multicast", [&](mailbox m) {
            return SP_multigroup_multicast(m, bits, static_cast<int>(n),
                                           const_cast<const char(*)[MAX_GROUP_NAME]>(list), type,
                                           static_cast<int>(data.size()), data.data());
        });
    }

    static std::string name(const char *p) { return {p, strnlen(p, MAX_GROUP_NAME)}; }

    names list(std::size_t n) const {
        names all;
        all.reserve(n);
        for (std::size_t i = 0; i < n; i++)
            all.push_back(name(groups_[i].data()));
        return all;
    }

    std::optional<event> take(int milliseconds) {
        std::unique_lock<std::timed_mutex> one(receiving_, std::defer_lock);
        if (milliseconds < 0) {
            one.lock();
        } else if (!one.try_lock()) { // another thread receives
            const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
            if (!one.try_lock_until(until))
                return std::nullopt;
            const auto left = until - std::chrono::steady_clock::now();
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
            milliseconds = ms > 0 ? static_cast<int>(ms) : 0;
        }
        // The message is in the library when SP_x_wait returns 1, so that no room
        // is made for what a daemon only promises.
        raw r;
        bool late = false;
        const int len = call("receive", [&](mailbox m) {
            const int n = SP_x_wait(m, milliseconds);
            late = n == 0;
            return n > 0 ? into_buffers(m, r) : n;
        });
        if (late)
            return std::nullopt;
        r.data = {data_.data(), static_cast<std::size_t>(len)};
        event e = make(r);
        if (data_.size() > 1'000'000) { // large ones are rare
            data_ = {};
            groups_ = {};
        }
        return e;
    }

    struct raw {
        service type = 0;
        char sender[MAX_GROUP_NAME] = {};
        int num_groups = 0, mismatch = 0;
        int16 mess_type = 0;
        std::string_view data;
    };

    int into_buffers(mailbox m, raw &r) {
        if (data_.size() < 4096)
            data_.resize(4096);
        if (groups_.size() < 100)
            groups_.resize(100);
        for (;;) {
            r.type = 0;
            const int n = SP_receive(m, &r.type, r.sender, static_cast<int>(groups_.size()), &r.num_groups,
                                     reinterpret_cast<char(*)[MAX_GROUP_NAME]>(groups_.data()), &r.mess_type,
                                     &r.mismatch, static_cast<int>(data_.size()), data_.data());
            if (n != BUFFER_TOO_SHORT && n != GROUPS_TOO_SHORT)
                return n;
            if (r.num_groups < 0)
                groups_.resize(static_cast<std::size_t>(-r.num_groups));
            if (r.mismatch < 0)
                data_.resize(static_cast<std::size_t>(-r.mismatch));
        }
    }

    message make_message(const raw &r) const {
        message m;
        m.sender = name(r.sender);
        m.groups = list(static_cast<std::size_t>(r.num_groups));
        m.service = static_cast<delivery>(r.type & REGULAR_MESS);
        m.type = r.mess_type;
        m.data = r.data;
        m.self_discard = Is_self_discard(r.type) != 0;
        m.endian_mismatch = r.mismatch != 0;
        return m;
    }

    event make(const raw &r) const {
        if (Is_reject_mess(r.type)) {
            const auto k = Is_caused_join_mess(r.type)    ? rejected::kind::join
                           : Is_caused_leave_mess(r.type) ? rejected::kind::leave
                                                          : rejected::kind::multicast;
            return rejected{k, make_message(r)};
        }
        if (Is_regular_mess(r.type))
            return make_message(r);
        membership_info info;
        check(SP_get_memb_info(data_.data(), r.type, &info), "receive");
        const view_id id{info.gid.id[0], info.gid.id[1], info.gid.id[2]};
        if (Is_reg_memb_mess(r.type))
            return make_view(r, info, id);
        if (Is_transition_mess(r.type))
            return transition{name(r.sender), id};
        return self_leave{name(r.sender)};
    }

    view make_view(const raw &r, const membership_info &info, const view_id &id) const {
        view v;
        v.group = name(r.sender);
        v.id = id;
        v.cause = static_cast<cause>(r.type & (CAUSED_BY_JOIN | CAUSED_BY_LEAVE | CAUSED_BY_DISCONNECT | CAUSED_BY_NETWORK));
        v.members = list(static_cast<std::size_t>(r.num_groups));
        v.changed = name(info.changed_member);
        std::vector<vs_set_info> sets(info.num_vs_sets);
        unsigned own = 0;
        check(SP_get_vs_sets_info(data_.data(), sets.data(), static_cast<int>(sets.size()), &own), "receive");
        v.own_set = own;
        for (const vs_set_info &s : sets) {
            names members;
            for (unsigned i = 0; i < s.num_members; i++)
                members.push_back(name(data_.data() + s.members_offset + std::size_t{i} * MAX_GROUP_NAME));
            v.sets.push_back(std::move(members));
        }
        return v;
    }

    std::atomic<mailbox> mbox_{-1};
    std::atomic<int> calls_{0};
    std::string private_group_;
    std::array<int, 3> version_{};
    std::timed_mutex receiving_; // for what follows
    std::vector<char> data_;
    std::vector<std::array<char, MAX_GROUP_NAME>> groups_;
};

} // namespace spread

#endif // SPREAD_HPP
