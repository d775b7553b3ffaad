#include <iostream>
#include <spread.hpp>

int main(int argc, char **argv) {
    spread::connection c(argc > 1 ? argv[1] : "4803"); // or "4803@host"
    c.join("news");
    c.multicast("news", "hello");
    for (;;) {
        const spread::event e = c.receive();
        if (auto *v = std::get_if<spread::view>(&e))
            std::cout << v->group << " has " << v->members.size() << " members" << std::endl;
        if (auto *m = std::get_if<spread::message>(&e))
            std::cout << m->sender << ": " << m->data << std::endl;
    }
}
