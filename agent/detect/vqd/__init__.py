"""What is wrong with a picture, one family of faults a file. Law: pure; each opinion has its numbers.

Faults and first thresholds: the county's picture-quality list, V02 to V12 and V14. ``look`` measures,
``reference`` remembers, the families compare, ``agent.detect.picture`` decides which is asked when.
"""
