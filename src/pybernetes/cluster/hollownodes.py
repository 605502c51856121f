"""placeholder until sim is there"""


def start_hollow_nodes(*a):
    pass
